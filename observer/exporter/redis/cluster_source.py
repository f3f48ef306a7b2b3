"""A cluster as one source: every node that it has now is read, and its series carry the label ``node``."""

from __future__ import annotations

import math
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from observer.errors import ObserverError
from observer.exporter.declaration import Family, label_body
from observer.exporter.redis import cluster
from observer.exporter.redis.cluster import Node
from observer.exporter.redis.question import text
from observer.exporter.redis.source import SCRAPE_ERROR, UP, declared
from observer.exporter.snapshot import Fault, Outcome, Reading
from observer.targets.redis import refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from observer.deadlines import Deadline
    from observer.exporter import declaration
    from observer.exporter.declaration import MetricDeclaration
    from observer.exporter.redis.source import RedisSource
    from observer.exporter.snapshot import CollectionOrder
    from observer.targets.redis import RedisSession

TOPOLOGY_INTERVAL = 15.0
"""Seconds after which the nodes are looked up anew; at once when one does not answer."""

PATIENCE = 1.0
"""Seconds that a node may take at least before the others are shown without it.

It may take four times what the slowest took last, and at first as long as there is time."""

MOST_NODES = 200
"""Nodes that are read; each has a connection and a thread."""

NODES = "cluster_nodes"

_QUESTION = ("CLUSTER", "NODES")


class ClusterSource:
    """The nodes of a cluster, found by asking any of them, read side by side.

    Args:
        name: Of the target.
        seed: A session with the node that is asked first.
        node: Makes the source of a node.
    """

    kind: declaration.Kind = "redis"
    labels = ""

    def __init__(
        self, name: str, seed: RedisSession, *, node: Callable[[str, RedisSession], RedisSource]
    ) -> None:
        self.name = name
        self._seed = seed
        self._make = node
        self._nodes: dict[Node, RedisSource] = {}
        self._sessions: dict[Node, RedisSession] = {}
        self._running: dict[Node, Future[Reading]] = {}
        self._held: dict[tuple[Node, str], Outcome] = {}
        self._took: dict[Node, float] = {}
        self._looked_at = float("-inf")
        self._pool = ThreadPoolExecutor(MOST_NODES, thread_name_prefix=f"node-{name}")

    @property
    def address(self) -> str:
        return self._seed.address.shown

    def declared(self) -> Sequence[MetricDeclaration]:
        return declared()

    def abort(self) -> None:
        self._seed.abort()
        for source in list(self._nodes.values()):
            source.abort()

    def close(self) -> None:
        self.abort()
        self._seed.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        for source in self._nodes.values():
            source.close()

    def collect(self, order: CollectionOrder) -> Reading:
        try:
            self._follow(order)
        except ObserverError as error:
            if not self._nodes:
                return Reading(
                    up=False,
                    always=[
                        Family(UP, [("", "", 0)]),
                        Family(SCRAPE_ERROR, [("", f'err="{error.code}"', 1)]),
                    ],
                    fault=Fault(error.code, error.sentence, error.remedy),
                )
        readings = self._read(order)
        for node, reading in readings.items():
            for outcome in reading.outcomes:
                self._held[node, outcome.collector] = _labelled(node, outcome)
        always = [
            Family(family.metric, _with_node(node, family.samples))
            for node, reading in readings.items()
            for family in reading.always
        ]
        down = {node: reading.fault for node, reading in readings.items() if not reading.up}
        if down:
            # A failover may have changed who is there.
            self._looked_at = float("-inf")
        up = len(down) < len(readings)
        first = next((fault for fault in down.values() if fault is not None), None)
        return Reading(
            up=up,
            outcomes=self._outcomes(readings, down) if up else (),
            always=always,
            facts=self._facts(readings),
            fault=None if up else first,
        )

    # ------------------------------------------------------------------------------------- who is there

    def _follow(self, order: CollectionOrder) -> None:
        """Learn which nodes there are now.

        Raises:
            ObserverError: No node tells.
        """
        if order.now - self._looked_at < TOPOLOGY_INTERVAL and self._nodes:
            return
        found = self._ask_nodes(order.deadline)
        self._looked_at = order.now
        for node in set(self._nodes) - set(found):
            source, running = self._nodes.pop(node), self._running.pop(node, None)
            del self._sessions[node]
            source.abort()
            if running is None or running.done():
                source.close()
            else:
                running.add_done_callback(partial(_close, source))
            self._held = {key: held for key, held in self._held.items() if key[0] != node}
        for node in found[:MOST_NODES]:
            if node not in self._nodes:
                session = self._seed.beside(node.host, node.port)
                self._sessions[node] = session
                self._nodes[node] = self._make(node.name, session)

    def _ask_nodes(self, deadline: Deadline) -> list[Node]:
        """Ask the seed, then the nodes that are known, until one answers."""
        parameters = self._seed.address.parameters
        asked = Node(parameters.get("host", "localhost"), int(parameters.get("port", 6379)))
        fault: ObserverError | None = None
        idle = [
            (node, session)
            for node, session in self._sessions.items()
            if node not in self._running or self._running[node].done()
        ]
        for node, session in [(asked, self._seed), *idle]:
            try:
                reply = session.ask([_QUESTION], deadline.sooner(PATIENCE))[0]
                if isinstance(reply, Exception):
                    raise refusal_of(reply, _QUESTION, session.address.user)
                if found := cluster.nodes(text(reply), asked=node):
                    return found
            except ObserverError as error:
                fault = fault or error
        raise fault or ObserverError(f"{self.address}: the cluster names no node")

    # ------------------------------------------------------------------------------------- what they say

    def _read(self, order: CollectionOrder) -> dict[Node, Reading]:
        """A reading of every node; of one that is late, that it is."""
        began = time.monotonic()
        for node, source in self._nodes.items():
            running = self._running.get(node)
            if running is None or running.done():
                self._running[node] = self._pool.submit(source.collect, order)
        usual = max((self._took.get(node, math.inf) for node in self._nodes), default=0.0)
        until = began + min(max(PATIENCE, 4 * usual), order.deadline.left() / 2)
        for node, running in self._running.items():
            wait([running], timeout=max(0.0, until - time.monotonic()))
            # One that is late is no measure of how long to wait for the others the next time.
            self._took[node] = time.monotonic() - began if running.done() else 0.0
        return {node: _reading(node, self._running[node]) for node in self._nodes}

    def _outcomes(self, readings: dict[Node, Reading], down: dict[Node, Fault | None]) -> list[Outcome]:
        """The outcomes of all nodes that are up, by collector; slow ones are kept from when they ran."""
        ran = {outcome.collector for reading in readings.values() for outcome in reading.outcomes}
        found = []
        for collector in sorted(ran):
            parts = [
                held for (node, name), held in self._held.items() if name == collector and node not in down
            ]
            good = [part for part in parts if part.families is not None]
            faults = [part.fault for part in parts if part.fault is not None]
            found.append(
                Outcome(
                    collector,
                    max(part.seconds for part in parts),
                    [family for part in good for family in part.families or ()] if good else None,
                    faults[0] if faults else None,
                    max(part.clock for part in parts),
                )
            )
        lost = [fault for fault in down.values() if fault is not None]
        fault = None
        if lost:
            more = f"; {len(lost) - 1} more do not answer" if len(lost) > 1 else ""
            fault = Fault(lost[0].code, f"node {lost[0].sentence}{more}", lost[0].remedy)
        found.append(Outcome(NODES, 0.0, () if fault is None else None, fault))
        return found

    def _facts(self, readings: dict[Node, Reading]) -> dict[str, str]:
        facts = [reading.facts for reading in readings.values() if reading.up]
        versions = sorted({fact.get("version", "") for fact in facts})
        up = sum(reading.up for reading in readings.values())
        return {"version": ", ".join(versions), "role": f"cluster, {up} of {len(readings)} nodes answer"}


def _close(source: RedisSource, _: Future[Reading]) -> None:
    source.close()


def _down(code: str) -> list[Family]:
    return [Family(UP, [("", "", 0)]), Family(SCRAPE_ERROR, [("", f'err="{code}"', 1)])]


def _reading(node: Node, running: Future[Reading]) -> Reading:
    if running.done() and not running.cancelled() and running.exception() is None:
        return running.result()
    error = running.exception() if running.done() and not running.cancelled() else None
    sentence = (
        f"{type(error).__name__}: {error}" if error else f"{node.name}: the node did not answer in time"
    )
    code = "internal" if error else "deadline"
    return Reading(
        up=False,
        always=_down(code),
        fault=Fault(code, sentence),
    )


def _labelled(node: Node, outcome: Outcome) -> Outcome:
    families = outcome.families
    fault = outcome.fault
    return replace(
        outcome,
        families=None
        if families is None
        else [Family(family.metric, _with_node(node, family.samples)) for family in families],
        fault=replace(fault, sentence=f"node {node.name}: {fault.sentence}") if fault else None,
    )


def _with_node(node: Node, samples: Iterable[tuple[str, str, float]]) -> list[tuple[str, str, float]]:
    label = label_body(("node",), (node.name,))
    return [(suffix, f"{label},{body}" if body else label, value) for suffix, body, value in samples]
