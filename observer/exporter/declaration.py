"""What a metric is: its declaration, and a family of its samples as collectors hand them on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MetricType: TypeAlias = Literal["counter", "gauge", "histogram", "summary", "untyped"]
Kind: TypeAlias = Literal["postgres", "pgbouncer", "redis", "hikari", "observer"]
"""What is talked to; each kind has a room of collectors."""


@dataclass(frozen=True, slots=True)
class MetricDeclaration:
    """One metric as it stands in the catalogue, on the page and in the documentation."""

    name: str
    type: MetricType
    help: str
    kind: Kind
    labels: tuple[str, ...] = ()
    collector: str = ""
    """The collector that emits it; what a user switches off."""


class Sample(NamedTuple):
    """One line of a page, without the name of its metric."""

    suffix: str
    """What follows the metric's name: empty, or ``_sum``, ``_count``, ``_bucket``."""
    body: str
    """The labels as they stand between the braces, escaped; empty for none."""
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """A metric and its samples.

    Samples are plain tuples of the shape of `Sample`: pages have tens of thousands of them.
    """

    metric: MetricDeclaration
    samples: Sequence[tuple[str, str, float]] = field(default_factory=tuple)


_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def label_value(value: object) -> str:
    """A label's value, escaped for the text format. ``None`` is the empty string.

    Characters that UTF-8 cannot carry are replaced: one lone surrogate would cost the whole page.
    """
    if value is None:
        return ""
    if value.__class__ is bool:
        return "true" if value else "false"
    text = str(value)
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    if "\x00" in text:
        text = text.replace("\x00", "�")
    return text.translate(_ESCAPES)


def label_body(names: Iterable[str], values: Iterable[object]) -> str:
    """Labels as they stand between the braces: ``datname="app",mode="exclusivelock"``."""
    return ",".join(
        [f'{name}="{label_value(value)}"' for name, value in zip(names, values, strict=True)],
    )


def one(metric: MetricDeclaration, value: float, body: str = "") -> Family:
    """A family of a single sample."""
    return Family(metric, (("", body, value),))
