"""Which replicas a service has: those of a list, or one for each address that DNS gives for its name."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from observer.errors import DeadlineExceeded, ObserverError
from observer.exporter.snapshot import Fault
from observer.targets.actuator import join
from observer.targets.resolver import Lookup, system_addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.targets.actuator import ActuatorAddress
    from observer.targets.resolver import Resolve

MOST_REPLICAS = 100
"""Each has a thread and a connection; a name that has more addresses than this is a mistake."""

GLANCE = 0.25
"""Seconds that a collection waits for the resolver, which mostly answers within milliseconds."""

FORGET_AFTER = 300.0
"""Seconds for which replicas are still asked that were last known before the resolver failed."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica of a service.

    Args:
        label: The value of its label ``replica``.
        address: Of its page.
        connect_to: Its IP address; empty where the host of the page is the replica itself.
    """

    label: str
    address: ActuatorAddress
    connect_to: str = ""


@dataclass(frozen=True, slots=True)
class Members:
    """The replicas of a moment, and why it is not certain that these are all."""

    replicas: tuple[Replica, ...]
    fault: Fault | None = None


class Discovery(Protocol):
    """Knows the replicas of a service."""

    shown: str
    """Where they are, without secrets."""
    asks: bool
    """Whether somebody must be asked for them, which can fail."""

    def members(self, seconds: float) -> Members:
        """The replicas as of now, known within so many seconds. Called by one thread at a time."""


def listed(addresses: Sequence[ActuatorAddress], *, label: str = "") -> Listed:
    """Replicas that the settings name, labelled by host and port, and by path too where that is needed."""
    if label and len(addresses) == 1:
        return Listed((Replica(label, addresses[0]),))
    places = [address.host_and_port for address in addresses]
    return Listed(
        tuple(
            Replica(place if places.count(place) == 1 else f"{place}{address.path}", address)
            for place, address in zip(places, addresses, strict=True)
        )
    )


class Listed:
    """Replicas that never change."""

    asks = False

    def __init__(self, replicas: tuple[Replica, ...]) -> None:
        self._members = Members(replicas)
        self.shown = ", ".join(replica.address.shown for replica in replicas)

    def members(self, seconds: float) -> Members:  # noqa: ARG002 - nothing is waited for
        return self._members


class Resolved:
    """A replica for each address of a name, looked up again and again.

    Where a name has addresses of both kinds, only those of IPv4 count: a replica of a dual-stack network has
    one of each, and would be counted twice.

    Args:
        address: The page, by the name of the service.
        interval: Seconds between two lookups.
        resolve: Does them.
        monotonic: The clock.
    """

    asks = True

    def __init__(
        self,
        address: ActuatorAddress,
        *,
        interval: float,
        resolve: Resolve = system_addresses,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.shown = f"{address.shown} (each address of {address.host})"
        self._address = address
        self._interval = interval
        self._lookup = Lookup(address.host, resolve)
        self._monotonic = monotonic
        self._replicas: tuple[Replica, ...] = ()
        self._fault: Fault | None = None
        self._asked_at: float | None = None
        self._known_at: float | None = None
        self._pending_since: float | None = None

    def members(self, seconds: float) -> Members:
        now = self._monotonic()
        if (
            self._pending_since is not None
            or self._asked_at is None
            or now - self._asked_at >= self._interval
        ):
            self._ask(now, seconds if self._known_at is None else min(seconds, GLANCE))
        if self._fault and self._known_at is not None and now - self._known_at > FORGET_AFTER:
            self._replicas = ()
        return Members(self._replicas, self._fault)

    def _ask(self, now: float, seconds: float) -> None:
        self._asked_at = now
        try:
            found = self._lookup.addresses(seconds)
        except DeadlineExceeded as error:
            # One that takes a moment is no fault; it is asked for at the next collection.
            if self._pending_since is None:
                self._pending_since = now
            if self._known_at is None or now - self._pending_since > self._interval:
                self._fault = Fault(error.code, error.sentence, error.remedy)
            return
        except ObserverError as error:
            self._pending_since = None
            self._fault = Fault(error.code, error.sentence, error.remedy)
            return
        self._pending_since, self._known_at, self._fault = None, now, None
        self._replicas = self._replicas_at(found)
        if len(found) > MOST_REPLICAS:
            self._fault = Fault(
                "not-available",
                f"{self._address.host} has {len(found)} addresses; the first {MOST_REPLICAS} are read",
            )

    def _replicas_at(self, found: Sequence[str]) -> tuple[Replica, ...]:
        chosen = [address for address in found if ":" not in address] or list(found)
        # Resolvers shuffle: sorted, a change is a change, and the first so many are always the same.
        return tuple(
            Replica(join(address, self._address.port), self._address, address)
            for address in sorted(set(chosen))[:MOST_REPLICAS]
        )
