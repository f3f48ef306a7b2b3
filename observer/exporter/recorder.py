"""What is noted of every collection: Observer's own metrics, and a log line when a fault comes or goes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.exporter.snapshot import Fault, Snapshot, Source
    from observer.metrics import Metrics


class Recorder:
    """Notes collections of all targets. Safe to use from any thread."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = structlog.get_logger("observer.exporter")
        self._faults: dict[tuple[str, str], tuple[str, str]] = {}
        self._collectors: dict[str, set[str]] = {}
        self._dropped: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def collected(self, source: Source, snapshot: Snapshot) -> None:
        labels = (source.kind, source.name)
        metrics = self._metrics
        metrics.target_up.labels(*labels).set(snapshot.up)
        metrics.snapshot_timestamp.labels(*labels).set(snapshot.taken_at)
        metrics.series.labels(*labels).set(sum(len(family.samples) for family in snapshot.families))
        metrics.collection_seconds.labels(*labels).observe(snapshot.seconds)
        if snapshot.connections is not None:
            metrics.connections.labels(*labels).set(snapshot.connections)
        self._note_collectors(source, snapshot)
        self._note_dropped(source, snapshot)
        faults = dict(_faults(snapshot))
        ran = {"", *(state.collector for state in snapshot.collectors if state.ran)}
        for collector, fault in faults.items():
            if collector in ran:
                metrics.collector_errors.labels(*labels, collector, fault.code).inc()
        self._log_changes(source, faults)

    def _note_collectors(self, source: Source, snapshot: Snapshot) -> None:
        metrics, labels = self._metrics, (source.kind, source.name)
        names = {state.collector for state in snapshot.collectors}
        for gone in self._collectors.get(source.name, set()) - names:
            metrics.collector_up.remove(*labels, gone)
            metrics.collector_seconds.remove(*labels, gone)
            metrics.collector_success_timestamp.remove(*labels, gone)
        self._collectors[source.name] = names
        for state in snapshot.collectors:
            one = (*labels, state.collector)
            metrics.collector_up.labels(*one).set(state.ok)
            metrics.collector_seconds.labels(*one).set(state.seconds)
            if state.last_success is not None:
                metrics.collector_success_timestamp.labels(*one).set(state.last_success)
            else:
                metrics.collector_success_timestamp.remove(*one)

    def _note_dropped(self, source: Source, snapshot: Snapshot) -> None:
        metrics, labels = self._metrics, (source.kind, source.name)
        before = self._dropped.get(source.name, set())
        for over in before - snapshot.dropped.keys():
            metrics.series_dropped.remove(*labels, over)
        for metric, count in snapshot.dropped.items():
            metrics.series_dropped.labels(*labels, metric).set(count)
            if metric not in before:
                self._log.warning(
                    "series.dropped",
                    kind=source.kind,
                    target=source.name,
                    metric=metric,
                    dropped=count,
                    remedy="Switch its collector off, choose fewer databases, or raise max_series.",
                )
        self._dropped[source.name] = set(snapshot.dropped)

    def _log_changes(self, source: Source, faults: dict[str, Fault]) -> None:
        """One line when a fault comes, changes its reason, or goes; none while it stays.

        While the target is down nothing is known of its collectors: their faults are neither over nor new.
        """
        with self._lock:
            known = {collector for name, collector in self._faults if name == source.name}
            for collector in sorted(known - set(faults)) if "" not in faults else ():
                del self._faults[source.name, collector]
                self._log.info("fault.over", kind=source.kind, target=source.name, collector=collector)
            for collector, fault in faults.items():
                # Sentences may hold numbers that change; the code and its beginning tell faults apart. A
                # server that goes or comes is refused, starting up, shutting down: one fault all the same.
                signature = (fault.code, fault.sentence[:40] if collector else "")
                if self._faults.get((source.name, collector)) != signature:
                    self._faults[source.name, collector] = signature
                    self._log.warning(
                        "fault",
                        kind=source.kind,
                        target=source.name,
                        collector=collector,
                        reason=fault.code,
                        what=fault.sentence,
                        remedy=fault.remedy,
                    )


def _faults(snapshot: Snapshot) -> Iterator[tuple[str, Fault]]:
    if snapshot.fault is not None:
        yield "", snapshot.fault
        return
    for state in snapshot.collectors:
        if state.fault is not None:
            yield state.collector, state.fault
