"""What the advisor is asked, as it enters the child process."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from observer.advisor.workload import Entry


class KeptEntry(BaseModel):
    """A row of pg_stat_statements as it was kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    queryid: int
    text: str
    calls: int = Field(ge=0)
    total_ms: float = Field(ge=0)
    rows: int = Field(default=0, ge=0)

    def entry(self) -> Entry:
        """As the core knows it."""
        return Entry(self.queryid, self.text, self.calls, self.total_ms, self.rows)


class KeptSample(BaseModel):
    """pg_stat_statements of one database at a moment, in seconds since the epoch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: float
    entries: tuple[KeptEntry, ...]


class Request(BaseModel):
    """One run of the advisor.

    Args:
        dsn: Of the database that is advised on; a secret.

        workload: Text of a workload file; else the samples; else pg_stat_statements since its last reset.

        before, after: Two kept samples whose difference is the workload.

        sample_dsn: Of a scratch database on another server, where what HypoPG cannot price is tried out on
            samples; a secret. Empty for never.

        weigh: What a statement of pg_stat_statements counts by: ``time``, ``calls`` or ``blocks``.

        budget: Bytes with a unit or a share of the database; empty for a tenth of it, at least 100 MB.

        thrift: Share of its own saving that an index may give up to be smaller; 0 for the most within the
        budget.

        partial: Which predicates partial indexes may have: ``none``, ``nulls`` or ``constants``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dsn: str
    workload: str | None = None
    before: KeptSample | None = None
    after: KeptSample | None = None
    weigh: Literal["time", "calls", "blocks"] = "time"
    sample_dsn: str = ""
    sample_bytes: int = Field(default=32 * 1024**2, ge=1024**2)
    budget: str = ""
    max_width: int = Field(default=3, ge=1, le=8)
    max_indexes: int = Field(default=0, ge=0)
    most_statements: int = Field(default=500, ge=1)
    deadline: float = Field(default=60.0, gt=0)
    size_model: Literal["corrected", "hypopg"] = "corrected"
    partial: Literal["none", "nulls", "constants"] = "constants"
    include: bool = True
    least_gain: float = Field(default=0.001, ge=0, lt=1)
    thrift: float = Field(default=0.02, ge=0, lt=1)
    statement_timeout: float = Field(default=5.0, gt=0)
