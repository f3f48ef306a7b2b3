"""A service with HikariCP as a source: its pool metrics, under Micrometer's names whoever wrote them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from observer.errors import Malformed, ObserverError
from observer.exporter.declaration import Family, MetricDeclaration, label_body, one
from observer.exporter.hikari import page
from observer.exporter.hikari.page import pool_families
from observer.exporter.snapshot import Fault, Outcome, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.exporter import declaration
    from observer.exporter.snapshot import CollectionOrder
    from observer.targets.actuator import ActuatorSession

UP = MetricDeclaration("hikaricp_up", "gauge", "Whether the service answered the last collection.", "hikari")


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of a service with HikariCP."""
    labelled = (UP, *page.declared())
    return tuple(replace(metric, labels=("replica", *metric.labels)) for metric in labelled)


class HikariSource:
    """One replica of a service.

    Args:
        name: The target's.
        session: Reads its page.
        replica: The label that tells it from others; where it is when empty.
    """

    kind: declaration.Kind = "hikari"

    def __init__(self, name: str, session: ActuatorSession, *, replica: str) -> None:
        self.name = name
        self._session = session
        self.labels = label_body(("replica",), (replica or session.replica,))

    @property
    def address(self) -> str:
        return self._session.shown

    def declared(self) -> Sequence[MetricDeclaration]:
        return declared()

    def abort(self) -> None:
        self._session.abort()

    def close(self) -> None:
        self._session.close()

    def collect(self, order: CollectionOrder) -> Reading:
        began = time.monotonic()
        try:
            families = pool_families(self._session.read(order.deadline))
        except Malformed as error:
            outcome = Outcome("pools", time.monotonic() - began, None, Fault(error.code, error.sentence))
            return Reading(up=True, outcomes=[outcome], always=[one(UP, 1)])
        except ObserverError as error:
            fault = Fault(error.code, error.sentence, error.remedy)
            return Reading(up=False, always=[one(UP, 0)], fault=fault)
        missing = None if families else _no_pools()
        outcome = Outcome("pools", time.monotonic() - began, families or None, missing)
        return Reading(up=True, outcomes=[outcome], always=[one(UP, 1)], facts=_facts(families))


def _no_pools() -> Fault:
    return Fault(
        "not-available",
        "the page has no pool of HikariCP",
        "A pool that was built outside Spring's auto-configuration needs "
        "dataSource.setMetricRegistry(meterRegistry).",
    )


def _facts(families: Sequence[Family]) -> dict[str, str]:
    pools = {body for family in families for _, body, _ in family.samples if family.metric.type == "gauge"}
    return {"pools": str(len(pools))} if pools else {}
