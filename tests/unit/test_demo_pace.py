"""The pace of the simulated users."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.demo.workload.endpoints import ENDPOINTS
from observer.demo.workload.users import Pace, _target


class HeldClock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@given(st.floats(min_value=0.0, max_value=0.25), st.integers(min_value=0, max_value=1000))
def test_requests_stay_below_the_rate_and_the_share(cost: float, seed: int) -> None:
    """However dear a request is, users take no more of the service's time than their share."""
    clock = HeldClock()
    pace = Pace(rate=20.0, share=0.4, rng=random.Random(seed), monotonic=clock)
    requests = 2000
    for _ in range(requests):
        clock.at += pace.reserve()
        pace.charge(cost)
    assert requests / clock.at < 20.0 * 1.15
    assert requests * cost / clock.at < 0.4 * 1.15


def test_a_long_wait_is_charged_only_in_part() -> None:
    """A request that waited for a lock does not silence the users for minutes."""
    clock = HeldClock()
    pace = Pace(rate=20.0, share=0.5, rng=random.Random(1), monotonic=clock)
    pace.reserve()
    pace.charge(60.0)
    assert pace.reserve() < 2.0


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.uri}")
def test_every_endpoint_gets_its_parameters(endpoint: object) -> None:
    """What a user chooses is what the statement binds, and the path has no empty place."""
    from observer.demo.sample import SampleSize
    from observer.demo.workload.endpoints import Endpoint

    assert isinstance(endpoint, Endpoint)
    values = endpoint.choose(random.Random(1), SampleSize.at(0.01))
    for name in values:
        assert f"%({name})s" in endpoint.sql
    assert endpoint.sql.count("%(") >= len(values)
    assert "{" not in _target(endpoint.uri, values)
