"""A service with HikariCP as a source: the pools of all its replicas, under Micrometer's names."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from observer.exporter.declaration import Family, MetricDeclaration, label_body, one
from observer.exporter.hikari import page
from observer.exporter.hikari.fleet import Fleet
from observer.exporter.hikari.page import PASSED, POOLS, has_pools
from observer.exporter.snapshot import Fault, Outcome, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from observer.exporter import declaration
    from observer.exporter.hikari.duplicates import Duplicates
    from observer.exporter.hikari.fleet import Told
    from observer.exporter.hikari.reader import PoolReader
    from observer.exporter.hikari.replicas import Discovery, Replica
    from observer.exporter.snapshot import CollectionOrder

UP = MetricDeclaration("hikaricp_up", "gauge", "Whether the service answered the last collection.", "hikari")

DISCOVERY = "discovery"
"""The collector of the service's replicas; it emits nothing."""


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of a service with HikariCP."""
    labelled = (UP, *page.declared())
    return tuple(replace(metric, labels=("replica", *metric.labels)) for metric in labelled)


class HikariSource:
    """A service with one replica or with many.

    Args:
        name: The target's.
        discovery: Knows the replicas.
        open_reader: Makes what reads one of them.
        passes: Whether other families are passed on beside the pools'.
        duplicates: Knows which replicas a Prometheus scrapes itself; their pools are left out.
    """

    kind: declaration.Kind = "hikari"
    labels = ""

    def __init__(
        self,
        name: str,
        discovery: Discovery,
        *,
        open_reader: Callable[[Replica], PoolReader],
        passes: bool = False,
        duplicates: Duplicates | None = None,
    ) -> None:
        self.name = name
        self._discovery = discovery
        self._fleet = Fleet(open_reader)
        self._passes = passes
        self._duplicates = duplicates

    @property
    def address(self) -> str:
        return self._discovery.shown

    def declared(self) -> Sequence[MetricDeclaration]:
        return declared()

    def abort(self) -> None:
        self._fleet.abort()

    def close(self) -> None:
        self._fleet.close()

    def collect(self, order: CollectionOrder) -> Reading:
        began = time.monotonic()
        known = self._discovery.members(order.deadline.left() / 2)
        told = self._fleet.read(known.replicas, order.deadline)
        always = [one(UP, int(each.pools is not None), _label(replica)) for replica, each in told]
        answered = [(replica, each) for replica, each in told if each.pools is not None]
        if not answered:
            return Reading(up=False, always=always, fault=_first_fault(told) or known.fault or _nobody())
        seconds = time.monotonic() - began
        left_out = self._duplicates.jobs(known.replicas) if self._duplicates else {}
        outcomes = [_pools(told, seconds, left_out)]
        if self._discovery.asks:
            outcomes.append(Outcome(DISCOVERY, 0.0, (), known.fault))
        if self._passes:
            outcomes.append(_passed(answered, seconds))
        return Reading(up=True, outcomes=outcomes, always=always, facts=_facts(told, answered, left_out))


def _pools(told: Sequence[tuple[Replica, Told]], seconds: float, left_out: Mapping[Replica, str]) -> Outcome:
    families = [
        _labelled(family, replica)
        for replica, each in told
        if each.pools is not None and replica not in left_out
        for family in each.pools.families
    ]
    return Outcome(POOLS, seconds, families or (() if left_out else None), _fault(told))


def _fault(told: Sequence[tuple[Replica, Told]]) -> Fault | None:
    """What is wrong with some replicas while others answer; told of the first, with how many there are."""
    faults = [(replica, fault) for replica, each in told if (fault := _fault_of(each)) is not None]
    if not faults:
        return None
    replica, fault = faults[0]
    if len(told) == 1:
        return fault
    count = f"{len(faults)} of {len(told)} replicas fail; the first is {replica.label}"
    return Fault(fault.code, f"{count}: {fault.sentence}", fault.remedy)


def _fault_of(told: Told) -> Fault | None:
    if told.pools is None or told.pools.fault is not None:
        return told.fault if told.pools is None else told.pools.fault
    return None if has_pools(told.pools.families) else _no_pools(told.pools.families)


def _passed(answered: Sequence[tuple[Replica, Told]], seconds: float) -> Outcome:
    families = [
        _labelled(family, replica)
        for replica, each in answered
        if each.pools is not None
        for family in each.pools.passed
    ]
    faults = [each.pools.passed_fault for _, each in answered if each.pools and each.pools.passed_fault]
    return Outcome(PASSED, seconds, families or (None if faults else ()), faults[0] if faults else None)


def _label(replica: Replica) -> str:
    return label_body(("replica",), (replica.label,))


def _labelled(family: Family, replica: Replica) -> Family:
    label = _label(replica)
    samples = [
        (suffix, f"{label},{body}" if body else label, value) for suffix, body, value in family.samples
    ]
    return Family(family.metric, samples)


def _no_pools(families: Sequence[Family]) -> Fault:
    seen = "Spring Boot's jdbc_connections_* of a data source, but no" if families else "no"
    return Fault(
        "not-available",
        f"the page has {seen} pool of HikariCP",
        "A pool that was built outside Spring's auto-configuration needs "
        "dataSource.setMetricRegistry(meterRegistry).",
    )


def _nobody() -> Fault:
    return Fault("unreachable", "the service has no replica")


def _first_fault(told: Sequence[tuple[Replica, Told]]) -> Fault | None:
    return next((each.fault for _, each in told if each.fault is not None), None)


def _facts(
    told: Sequence[tuple[Replica, Told]],
    answered: Sequence[tuple[Replica, Told]],
    left_out: Mapping[Replica, str],
) -> dict[str, str]:
    pools = {
        (replica, body)
        for replica, each in answered
        if each.pools is not None
        for family in each.pools.families
        if family.metric.name == "hikaricp_connections"
        for _, body, _ in family.samples
    }
    read = sorted({each.pools.endpoint for _, each in answered if each.pools is not None})
    facts = {"pools": str(len(pools))} if pools else {}
    if len(told) > 1:
        facts["replicas"] = f"{len(answered)} of {len(told)} answer"
    if left_out:
        jobs = ", ".join(sorted(set(left_out.values())))
        facts["left out"] = f"pools of {len(left_out)} of {len(told)}: Prometheus scrapes them as job {jobs}"
    return {**facts, "endpoint": ", ".join(read)}
