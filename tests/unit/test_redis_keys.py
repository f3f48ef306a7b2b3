"""Keys: patterns as Redis reads them, and the walk over all keys against a keyspace made of values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observer.errors import ObserverError
from observer.exporter.redis.key_walk import COUNT, UNCLASSIFIED, KeyWalk, Limits
from observer.exporter.redis.keys import group_families, in_databases
from observer.exporter.redis.keyspace import Classifier, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.targets.redis import Command


@pytest.mark.parametrize(
    ("pattern", "fitting", "unfitting"),
    [
        ("session:*", ["session:", "session:1:a"], ["sessions", "a:session:1"]),
        ("h?llo", ["hello", "h\nllo"], ["hllo", "heello"]),
        ("h[ae]llo", ["hello", "hallo"], ["hillo"]),
        ("h[^e]llo", ["hallo"], ["hello"]),
        ("h[a-b]llo", ["hallo", "hbllo"], ["hcllo"]),
        ("h[b-a]llo", ["hallo", "hbllo"], ["hcllo"]),
        (r"a\*b", ["a*b"], ["aab"]),
        (r"[\]]", ["]"], ["\\"]),
        ("a.b|c", ["a.b|c"], ["axb", "c"]),
        ("", [""], ["a"]),
    ],
)
def test_patterns_mean_what_they_mean_to_redis(
    pattern: str, fitting: Sequence[str], unfitting: Sequence[str]
) -> None:
    """Sets, ranges either way, negation and escapes; what is special to Python is not to Redis."""
    first = Classifier([pattern]).first
    assert [first(name.encode()) for name in fitting] == [0] * len(fitting)
    assert [first(name.encode()) for name in unfitting] == [None] * len(unfitting)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4), st.binary(max_size=12))
def test_any_pattern_can_be_compared(patterns: list[str], name: bytes) -> None:
    """No pattern breaks the others; the first that fits alone is the first that fits among all."""
    alone = [index for index, pattern in enumerate(patterns) if Classifier([pattern]).first(name) == 0]
    assert Classifier(patterns).first(name) == (alone[0] if alone else None)


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("orders", Place(2, "orders")),
        ("db0=orders", Place(0, "orders")),
        ("db3=a=b", Place(3, "a=b")),
        ("dbx=orders", Place(2, "dbx=orders")),
    ],
)
def test_a_key_may_name_its_database(written: str, place: Place) -> None:
    """Only ``db`` and a number before ``=`` is a database."""
    assert Place.parse(written, default=2) == place


def test_databases_are_changed_and_left() -> None:
    """The connection ends in the database where it began, and each reply is found."""
    asked: list[tuple[int, Command]] = [(0, ("A",)), (0, ("B",)), (3, ("C",))]
    commands, places = in_databases(asked, home=1)
    assert commands == (("SELECT", "0"), ("A",), ("B",), ("SELECT", "3"), ("C",), ("SELECT", "1"))
    assert [commands[place] for place in places] == [("A",), ("B",), ("C",)]
    assert in_databases([(1, ("A",))], home=1) == ((("A",),), (0,))


class Keyspace:
    """SCAN, MEMORY USAGE and SELECT over names that are values; counts what it is asked."""

    def __init__(self, **databases: list[str]) -> None:
        self.names = {int(name.removeprefix("db")): found for name, found in databases.items()}
        self.asked: list[Command] = []
        self.current = 0

    def ask(self, commands: Sequence[Command]) -> list[Any]:
        self.asked += commands
        return [self._answer(command) for command in commands]

    def _answer(self, command: Command) -> Any:
        match command:
            case ("SELECT", number):
                self.current = int(number)
                return b"OK"
            case ("MEMORY", "USAGE", bytes(key), *_):
                return 100 if key.startswith(b"big") else 10
            case ("SCAN", cursor, "COUNT", count):
                begin, size = int(cursor), int(count)
                names = self.names.get(self.current, [])
                more = begin + size if begin + size < len(names) else 0
                return [str(more).encode(), [name.encode() for name in names[begin : begin + size]]]
        raise AssertionError(command)

    def count(self, word: str) -> int:
        return sum(command[0] == word for command in self.asked)


def walk(limits: Limits, **groups: Place) -> KeyWalk:
    return KeyWalk(groups=groups, streams=[Place(0, "stream*")], home=0, limits=limits)


NO_WAIT = math.inf


@settings(max_examples=40)
@given(
    sizes=st.dictionaries(st.sampled_from(["db0", "db1", "db2"]), st.integers(0, 450), min_size=1),
    per_pass=st.integers(100, 2000),
    samples=st.integers(0, 300),
)
def test_a_walk_counts_every_key_once(sizes: dict[str, int], per_pass: int, samples: int) -> None:
    """However it is cut into passes: no key is lost or doubled, and no pass looks at more than it may."""
    names = {
        db: [f"{'big' if n % 3 else 'small'}:{n}" for n in range(size)] + ["stream:1"]
        for db, size in sizes.items()
    }
    keyspace = Keyspace(**names)
    limits = Limits(per_pass=per_pass, rate=10**9, samples=samples)
    walked = walk(limits, big=Place(0, "big:*"), other=Place(1, "*"))
    passes = 0
    ended = False
    while not ended:
        before = keyspace.count("SCAN")
        ended = walked.run(keyspace.ask, until=NO_WAIT, pause=lambda _: None)
        passes += 1
        assert (keyspace.count("SCAN") - before) * COUNT <= per_pass + COUNT
        assert keyspace.current == 0
        assert passes < 100
    assert walked.finished is not None
    groups = walked.finished.groups
    here = names.get("db0", [])
    expected = sum(name.startswith("big:") for name in here)
    assert groups[0, "big"].keys == expected
    assert groups[0, UNCLASSIFIED].keys == len(here) - expected
    assert groups[1, "other"].keys == len(names.get("db1", []))
    assert walked.finished.streams == ({Place(0, "stream:1")} if here else set())
    assert groups[0, "big"].measured == min(samples, expected)
    assert keyspace.count("MEMORY") <= samples * 3
    if samples and expected:
        assert groups[0, "big"].memory == 100 * expected
    assert keyspace.count("KEYS") == 0


def test_the_rate_bounds_a_pass() -> None:
    """After n commands n / rate seconds are waited for, and a pass is over when its time is."""
    waited: list[float] = []
    keyspace = Keyspace(db0=[f"k{n}" for n in range(2000)])
    walked = walk(Limits(per_pass=100_000, rate=100, samples=0), all=Place(0, "*"))
    assert walked.run(keyspace.ask, until=NO_WAIT, pause=waited.append)
    # Nothing was really waited for, so that each command adds its full share to what is outstanding.
    assert len(waited) == 19
    assert waited[-1] == pytest.approx(0.19, abs=0.1)


def test_a_refusal_ends_the_pass_and_the_next_goes_on() -> None:
    """What was counted stays counted; nothing is counted twice for the attempt that failed."""
    keyspace = Keyspace(db0=[f"k{n}" for n in range(500)])
    walked = walk(Limits(per_pass=200, rate=10**9, samples=0), all=Place(0, "*"))

    def refuse(_: Sequence[Command]) -> list[Any]:
        raise ObserverError("no")

    assert not walked.run(keyspace.ask, until=NO_WAIT, pause=lambda _: None)
    with pytest.raises(ObserverError):
        walked.run(refuse, until=NO_WAIT, pause=lambda _: None)
    while not walked.run(keyspace.ask, until=NO_WAIT, pause=lambda _: None):
        pass
    assert walked.finished is not None
    assert walked.finished.groups[0, "all"].keys == 500


def test_a_group_without_keys_is_zero() -> None:
    """A rule can tell an empty group from one that nobody looked at."""
    groups = {"gone": Place(0, "gone:*"), "all": Place(0, "*")}
    walked = walk(Limits(), **groups)
    assert walked.run(Keyspace(db0=["a", "b"]).ask, until=NO_WAIT, pause=lambda _: None)
    assert walked.finished is not None
    values = {
        f"{family.metric.name}{{{body}}}": value
        for family in group_families(groups, walked.finished, at=5.0, memory=True)
        for _, body, value in family.samples
    }
    assert values['redis_key_group_count{db="db0",key_group="gone"}'] == 0
    assert values['redis_key_group_count{db="db0",key_group="all"}'] == 2
    assert values['redis_key_group_memory_usage_bytes{db="db0",key_group="all"}'] == 20
    assert values['redis_number_of_distinct_key_groups{db="db0"}'] == 1
    assert values['redis_keys_count{db="db0",key="*"}'] == 2
