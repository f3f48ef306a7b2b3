"""An index report as values, and as the JSON document that is kept and served."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class PlanStep:
    """A node of a plan, in words."""

    depth: int
    text: str


@dataclass(frozen=True, slots=True)
class Served:
    """A statement that a recommended index serves.

    Args:
        text: With ``$1`` in the place of every constant.

        share: Of the workload's time or weight.

        values: What the costs and plans were asked with where it is not used at the ones that were taken for
            typical; else empty.
    """

    queryid: str
    text: str
    calls: int
    total_ms: float
    share: float
    cost_before: float
    cost_after: float
    plan_before: tuple[PlanStep, ...]
    plan_after: tuple[PlanStep, ...]
    checked: tuple[str, ...] = ()
    """Values that it was planned with, in words, and what came out."""
    values: str = ""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """An index to build.

    Args:
        saved: Share of the workload that would be lost again without it, the others standing.

        confidence: ``high``, ``medium`` or ``low``.

        evidence: Who says so: ``planner`` (HypoPG), or ``sample`` (a real index on a sampled copy).

        replaces: Existing indexes that it makes superfluous: candidates for dropping, after a look.
    """

    name: str
    ddl: str
    relation: str
    kind: str
    size: int
    saved: float
    saved_ms_per_second: float
    writes_per_second: float
    upkeep_ms_per_second: float
    hot_lost_per_second: float
    confidence: str
    statements: tuple[Served, ...]
    partitions: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    evidence: str = "planner"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """An index that may help and that nobody could price."""

    ddl: str
    name: str
    relation: str
    reason: str
    needs: str = ""
    statements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that was priced and not chosen."""

    definition: str
    saved_alone: float
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A statement that nothing is said about, and why."""

    queryid: str
    text: str
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Worsened:
    """A statement that the planner prices higher with the set than without.

    Args:
        values: Of its parameters, in words; empty for those that the search asked with.
    """

    queryid: str
    text: str
    cost_before: float
    cost_after: float
    values: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """How the advice came about."""

    seconds: float
    explains: int
    rounds: int
    candidates: int
    finished: bool
    peak_memory: int = 0


@dataclass(frozen=True, slots=True)
class IndexReport:
    """Everything that one run found out.

    Args:
        created_at: Seconds since the epoch.

        cost_left: The workload's weighted planner cost with the set, as a share of the cost without.

        nothing_because: Why there is nothing to recommend, where there is nothing.
    """

    created_at: float
    database: str
    server_version: str
    hypopg: str
    source: str
    window_seconds: float
    statements: int
    timed: bool
    budget: int
    size_model: str
    size: int
    cost_left: float
    recommendations: tuple[Recommendation, ...]
    hypotheses: tuple[Hypothesis, ...]
    rejected: tuple[Rejected, ...]
    unpriced: tuple[Unpriced, ...]
    worsened: tuple[Worsened, ...]
    run: Run
    nothing_because: str = ""
    notes: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def document(self) -> dict[str, Any]:
        """The JSON document."""
        return asdict(self)


def from_document(document: dict[str, Any]) -> IndexReport:
    """The report that a document was made of.

    Raises:
        ValueError: It is of another schema version.
    """
    if document.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"an index report of schema version {document.get('schema_version')} cannot be read")
    fields = dict(document)
    fields["recommendations"] = tuple(_recommendation(item) for item in document["recommendations"])
    fields["hypotheses"] = tuple(
        Hypothesis(**{**item, "statements": tuple(item["statements"])}) for item in document["hypotheses"]
    )
    fields["rejected"] = tuple(Rejected(**item) for item in document["rejected"])
    fields["unpriced"] = tuple(Unpriced(**item) for item in document["unpriced"])
    fields["worsened"] = tuple(Worsened(**item) for item in document["worsened"])
    fields["run"] = Run(**document["run"])
    fields["notes"] = tuple(document["notes"])
    return IndexReport(**fields)


def _recommendation(item: dict[str, Any]) -> Recommendation:
    served = tuple(
        Served(
            **{
                **statement,
                "plan_before": tuple(PlanStep(**step) for step in statement["plan_before"]),
                "plan_after": tuple(PlanStep(**step) for step in statement["plan_after"]),
                "checked": tuple(statement["checked"]),
            }
        )
        for statement in item["statements"]
    )
    lists = {name: tuple(item[name]) for name in ("partitions", "replaces", "notes")}
    return Recommendation(**{**item, **lists, "statements": served})
