"""Reading one replica: its page for Prometheus, filtered by the server if it can, else its meters as JSON."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from observer.errors import Malformed, NotAvailable
from observer.exporter.hikari.meters import meter_families
from observer.exporter.hikari.page import asked_names, has_pools, passed_families, pool_families
from observer.exporter.snapshot import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.deadlines import Deadline
    from observer.exporter.declaration import Family
    from observer.targets.actuator import ActuatorSession, Answer

RECHECK = 300.0
"""Seconds after which is asked again for what was not there: the page, the JSON, a pool behind the filter."""

FILTERED = urlencode({"includedNames": ",".join(asked_names())}, safe=",")
"""The parameter with which the service leaves everything but pools out."""


@dataclass(frozen=True, slots=True)
class Pools:
    """What a replica told.

    Args:
        families: Of its pools.
        passed: Other families that were asked for.
        endpoint: The path that was read.
        fault: What is wrong with the pools' metrics although the replica answered.
        passed_fault: The same for the other families.
    """

    families: Sequence[Family]
    passed: Sequence[Family] = ()
    endpoint: str = ""
    fault: Fault | None = None
    passed_fault: Fault | None = None


class PoolReader:
    """Knows in which way a replica can be read, and finds another when that changes.

    Args:
        session: With the replica.
        patterns: Names of families that are passed on beside the pools'.
        monotonic: The clock.
    """

    def __init__(
        self,
        session: ActuatorSession,
        *,
        patterns: Sequence[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.session = session
        self._patterns = tuple(patterns)
        self._monotonic = monotonic
        self._unfiltered_until = 0.0
        self._filtered_until = 0.0
        self._json_until = 0.0
        self._no_json_until = 0.0

    def read(self, deadline: Deadline) -> Pools:
        """What the replica tells now.

        Raises:
            ObserverError: It does not answer, or has neither a page nor meters.
        """
        if self._monotonic() < self._json_until:
            found = self._meters(deadline)
            if found is not None:
                return found
            self._json_until = 0.0
        try:
            return self._page(deadline)
        except NotAvailable:
            found = self._meters_instead(deadline)
            if found is None:
                raise
            return found

    def _page(self, deadline: Deadline) -> Pools:
        filtered = self._filters()
        answer = self._ask(deadline, filtered=filtered)
        if filtered and answer.status in (400, 414):
            self._unfiltered_until = self._monotonic() + RECHECK
            answer = self._ask(deadline, filtered=False)
            filtered = False
        text = self.session.taken(answer)
        if answer.content_type.endswith("json"):
            found = self._meters_instead(deadline)
            if found is not None:
                return found
        pools = self._parsed(text)
        if not filtered or pools.fault or has_pools(pools.families):
            return pools
        # A filter that knows the names by others leaves nothing; once in a while the whole page is read.
        if self._monotonic() >= self._filtered_until:
            whole = self._parsed(self.session.taken(self._ask(deadline, filtered=False)))
            if has_pools(whole.families):
                self._unfiltered_until = self._monotonic() + RECHECK
                return whole
            self._filtered_until = self._monotonic() + RECHECK
        return pools

    def _filters(self) -> bool:
        asked_by_user = "includedNames" in self.session.address.query
        return not self._patterns and not asked_by_user and self._monotonic() >= self._unfiltered_until

    def _ask(self, deadline: Deadline, *, filtered: bool) -> Answer:
        address = self.session.address
        query = "&".join(filter(None, (address.query, FILTERED if filtered else "")))
        return self.session.get(f"{address.path}?{query}" if query else address.path, deadline)

    def _parsed(self, text: str) -> Pools:
        path = self.session.address.path
        try:
            pools = Pools(pool_families(text), endpoint=path)
        except Malformed as error:
            pools = Pools((), endpoint=path, fault=Fault(error.code, error.sentence))
        if not self._patterns:
            return pools
        try:
            return replace(pools, passed=passed_families(text, self._patterns))
        except Malformed as error:
            return replace(pools, passed_fault=Fault(error.code, error.sentence))

    def _meters_instead(self, deadline: Deadline) -> Pools | None:
        """The meters, where the page is not there. A service that has neither is left alone for a while."""
        if self._monotonic() < self._no_json_until:
            return None
        found = self._meters(deadline)
        if found is None:
            self._no_json_until = self._monotonic() + RECHECK
        else:
            self._json_until = self._monotonic() + RECHECK
        return found

    def _meters(self, deadline: Deadline) -> Pools | None:
        base = f"{self.session.address.path.rstrip('/').rpartition('/')[0]}/metrics"

        def get(path: str) -> str | None:
            answer = self.session.get(base + path, deadline)
            if answer.status == 404 or (answer.status == 200 and not answer.content_type.endswith("json")):
                return None
            return self.session.taken(answer)

        try:
            families = meter_families(get)
        except Malformed as error:
            return Pools((), endpoint=base, fault=Fault(error.code, error.sentence))
        if families is None:
            return None
        fault = None
        if self._patterns:
            fault = Fault(
                "not-available",
                "only the page for Prometheus can be passed on, and the service does not expose it",
                "Expose it: management.endpoints.web.exposure.include=health,prometheus, with "
                "micrometer-registry-prometheus on the class path.",
            )
        return Pools(families, endpoint=base, passed_fault=fault)
