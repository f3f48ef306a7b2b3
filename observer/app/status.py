"""What is watched, how fresh it is, what failed and why: as values, for the start page and its JSON twin."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import observer
from observer.reports.busiest import busiest
from observer.reports.vitals import vitals

if TYPE_CHECKING:
    from observer.clock import Clock
    from observer.exporter.exporter import Exporter
    from observer.exporter.snapshot import CollectorState, Fault
    from observer.exporter.worker import Worker


def status(exporter: Exporter, clock: Clock) -> dict[str, Any]:
    """The state of all targets; ages and durations are in seconds."""
    now, wall = clock.monotonic(), clock.now()
    targets = [_target(worker, now, wall) for worker in exporter.workers.values()]
    return {
        "ok": all(target["up"] and not target["faults"] for target in targets),
        "version": observer.__version__,
        "targets": targets,
    }


def _target(worker: Worker, now: float, wall: float) -> dict[str, Any]:
    source, published = worker.source, worker.published
    known: dict[str, Any] = {
        "name": source.name,
        "kind": source.kind,
        "address": source.address,
        "up": False,
        "state": "waiting",
        "age": None,
        "seconds": None,
        "series": 0,
        "facts": {},
        "vitals": [],
        "statements": [],
        "interval": worker.interval(now),
        "scrapers": worker.scrapers(now),
        "collectors": [],
        "faults": [],
    }
    if published is None:
        return known
    snapshot = published.snapshot
    failing = [state for state in snapshot.collectors if state.fault is not None]
    faults = (
        [_fault("", snapshot.fault)] if snapshot.fault else [_fault(s.collector, s.fault) for s in failing]
    )
    return known | {
        "up": snapshot.up,
        "state": "down" if not snapshot.up else "degraded" if faults else "up",
        "age": round(now - snapshot.began, 3),
        "seconds": round(snapshot.seconds, 4),
        "series": sum(len(family.samples) for family in snapshot.families),
        "facts": snapshot.facts,
        "vitals": [asdict(vital) for vital in vitals(source.kind, snapshot.families, now=wall)],
        "statements": [asdict(busy) for busy in busiest(snapshot.families)],
        "collectors": [_collector(state, wall) for state in snapshot.collectors],
        "faults": faults,
    }


def _collector(state: CollectorState, wall: float) -> dict[str, Any]:
    return {
        "name": state.collector,
        "ok": state.ok,
        "age": round(wall - state.last_success, 3) if state.last_success is not None else None,
        "seconds": round(state.seconds, 4),
        "clock": state.clock,
        "shown": state.shown,
    }


def _fault(collector: str, fault: Fault | None) -> dict[str, str]:
    if fault is None:
        return {}
    return {"collector": collector, "code": fault.code, "what": fault.sentence, "remedy": fault.remedy}
