"""Replicas as DNS tells them: they appear, vanish, and stay while the resolver fails for a while."""

from __future__ import annotations

import threading

import pytest

from observer.config.model import HikariTarget
from observer.errors import DeadlineExceeded, TargetUnreachable
from observer.exporter.hikari.replicas import FORGET_AFTER, MOST_REPLICAS, Resolved, listed
from observer.targets.actuator import ActuatorAddress
from observer.targets.resolver import Lookup
from tests.conditions import wait_for

PAGE = ActuatorAddress.parse("http://mealsync-app:8080/actuator/prometheus")


class Dns:
    """A resolver that says what it is told to, and counts how often."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.error: OSError | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.asked = 0

    def __call__(self, host: str) -> list[str]:
        assert host == "mealsync-app"
        self.asked += 1
        self.gate.wait(20)
        if self.error is not None:
            raise self.error
        return list(self.addresses)


class Held:
    """A service by name, at a moment that the test chooses."""

    def __init__(self, dns: Dns) -> None:
        self.now = 1000.0
        self.service = Resolved(PAGE, interval=15, resolve=dns, monotonic=lambda: self.now)

    def labels(self, *, after: float = 0.0, seconds: float = 10.0) -> list[str]:
        self.now += after
        return [replica.label for replica in self.service.members(seconds).replicas]

    def fault(self) -> str:
        fault = self.service.members(10).fault
        return fault.sentence if fault else ""


def test_each_address_is_a_replica() -> None:
    """Sorted, because resolvers shuffle; the page stays that of the name."""
    held = Held(Dns("10.0.0.2", "10.0.0.1", "10.0.0.2"))
    assert held.labels() == ["10.0.0.1:8080", "10.0.0.2:8080"]
    [first, _] = held.service.members(1).replicas
    assert (first.connect_to, first.address.host) == ("10.0.0.1", "mealsync-app")


def test_changes_are_followed_within_the_interval_and_not_asked_for_more_often() -> None:
    """Who comes is there, who goes is gone."""
    dns = Dns("10.0.0.1", "10.0.0.2")
    held = Held(dns)
    held.labels()
    dns.addresses = ["10.0.0.2", "10.0.0.3"]
    assert held.labels(after=14) == ["10.0.0.1:8080", "10.0.0.2:8080"]
    assert dns.asked == 1
    assert held.labels(after=2) == ["10.0.0.2:8080", "10.0.0.3:8080"]
    assert dns.asked == 2


def test_both_kinds_of_addresses_are_one_replica() -> None:
    """A pod of a dual-stack network has an address of each; IPv6 alone is taken as it is."""
    assert Held(Dns("fd00::1", "10.0.0.1")).labels() == ["10.0.0.1:8080"]
    assert Held(Dns("fd00::2", "fd00::1")).labels() == ["[fd00::1]:8080", "[fd00::2]:8080"]


def test_a_resolver_that_fails_loses_nobody_at_once() -> None:
    """The replicas are asked on, the fault is told, and after minutes they are given up."""
    dns = Dns("10.0.0.1")
    held = Held(dns)
    held.labels()
    dns.error = OSError(-3, "Temporary failure in name resolution")
    assert held.labels(after=20) == ["10.0.0.1:8080"]
    assert "mealsync-app cannot be resolved: Temporary failure" in held.fault()
    assert held.labels(after=FORGET_AFTER) == []
    dns.error = None
    assert held.labels(after=20) == ["10.0.0.1:8080"]
    assert held.fault() == ""


def test_a_resolver_that_hangs_holds_one_thread_and_no_collection() -> None:
    """Its answer is taken when it comes, however late."""
    dns = Dns("10.0.0.1")
    held = Held(dns)
    held.labels()
    dns.gate.clear()
    dns.addresses = ["10.0.0.9"]
    for _ in range(4):
        assert held.labels(after=16, seconds=0.05) == ["10.0.0.1:8080"]
    assert "the resolver does not answer" in held.fault()
    assert dns.asked == 2
    assert sum(t.name == "resolve-mealsync-app" for t in threading.enumerate()) == 1
    dns.gate.set()
    wait_for(lambda: held.labels(seconds=0.05) == ["10.0.0.9:8080"], "the late answer", seconds=20)
    assert held.fault() == ""


def test_a_name_that_has_never_been_known_is_told() -> None:
    """There is nobody to ask, and the reason stands there."""
    dns = Dns()
    dns.error = OSError(-2, "Name or service not known")
    held = Held(dns)
    assert held.labels() == []
    assert "Name or service not known" in held.fault()


def test_a_name_with_absurdly_many_addresses_is_cut() -> None:
    """Each replica costs a thread and a connection."""
    held = Held(Dns(*[f"10.0.{n // 250}.{n % 250}" for n in range(MOST_REPLICAS + 5)]))
    assert len(held.labels()) == MOST_REPLICAS
    assert str(MOST_REPLICAS) in held.fault()


def test_an_address_needs_no_resolver() -> None:
    """Literal addresses of both kinds are what they are."""

    def never(host: str) -> list[str]:
        raise AssertionError(host)

    assert Lookup("127.0.0.1", never).addresses(0.1) == ["127.0.0.1"]
    assert Lookup("::1", never).addresses(0.1) == ["::1"]


def test_the_systems_resolver_is_asked() -> None:
    """A name that every machine knows, and one that no machine may know (RFC 2606)."""
    assert set(Lookup("localhost").addresses(20)) & {"127.0.0.1", "::1"}
    with pytest.raises((TargetUnreachable, DeadlineExceeded)):
        Lookup("nobody.invalid").addresses(20)


def test_replicas_of_a_list_have_labels_of_their_own() -> None:
    """Host and port where that is enough, the path too where it is not; a single one may have a name."""

    def labels(*urls: str, label: str = "") -> list[str]:
        addresses = [ActuatorAddress.parse(url) for url in urls]
        return [replica.label for replica in listed(addresses, label=label).members(1).replicas]

    assert labels("http://a:8080/x", "http://b/x") == ["a:8080", "b:80"]
    assert labels("https://lb/a/prometheus", "https://lb/b/prometheus") == [
        "lb:443/a/prometheus",
        "lb:443/b/prometheus",
    ]
    assert labels("http://a:8080/x", label="one") == ["one"]


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({}, "exactly one"),
        ({"url": "http://a/x", "urls": ["http://b/x"]}, "exactly one"),
        ({"urls": ["ftp://b/x"]}, "must begin with http"),
        ({"urls": ["http://b/x"], "discover": "dns"}, "does not go with urls"),
        ({"url": "http://b/x", "discover": "dns", "replica": "one"}, "single replica"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, object], wrong: str) -> None:
    """Each in a sentence that says what to do."""
    with pytest.raises(ValueError, match=wrong):
        HikariTarget.model_validate(settings)
