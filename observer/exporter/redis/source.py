"""A Redis or Valkey server as a source: what its collectors ask goes out in one write."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from observer.errors import Malformed, ObserverError, TargetUnreachable
from observer.exporter.declaration import Family, MetricDeclaration, one
from observer.exporter.redis import (
    clients,
    cluster,
    command_stats,
    configuration,
    info,
    keys,
    sentinel,
    slowlog,
    streams,
)
from observer.exporter.redis.key_walk import KeyWalk
from observer.exporter.redis.plan import KeyOptions, Nature, Options, questions
from observer.exporter.snapshot import Fault, Outcome, Reading
from observer.targets.redis import moved, refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.clock import Clock
    from observer.deadlines import Deadline
    from observer.exporter import declaration
    from observer.exporter.redis.question import Info, Question, Replies
    from observer.exporter.snapshot import CollectionOrder
    from observer.targets.redis import Command, RedisSession


def _metric(name: str, text: str, kind: declaration.MetricType = "gauge", *labels: str) -> MetricDeclaration:
    return MetricDeclaration(f"redis_{name}", kind, text, "redis", labels)


UP = _metric("up", "Whether the server answered the last collection.")
SCRAPES = _metric("exporter_scrapes_total", "Collections of this server.", "counter")
SCRAPE_SECONDS = _metric("exporter_last_scrape_duration_seconds", "Seconds that the last collection took.")
SCRAPES_SECONDS = _metric("exporter_scrape_duration_seconds", "Seconds that collections took.", "summary")
CONNECT_SECONDS = _metric(
    "exporter_last_scrape_connect_time_seconds",
    "Seconds that the newest connection took; one serves many collections.",
)
SCRAPE_ERROR = _metric("exporter_last_scrape_error", "Whether the last collection failed.", "gauge", "err")

INFO_COMMAND = ("INFO", "ALL")


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of Redis."""
    rooms = (info, command_stats, configuration, slowlog, clients, sentinel, cluster, keys, streams)
    own = (UP, SCRAPES, SCRAPE_SECONDS, SCRAPES_SECONDS, CONNECT_SECONDS, SCRAPE_ERROR)
    return (*own, *(metric for room in rooms for metric in room.declared()))


class RedisSource:
    """A server with its collectors; they share one round trip.

    Args:
        name: Of the target.
        session: With the server.
        clock: The time.
        options: What is read.
    """

    kind: declaration.Kind = "redis"
    labels = ""

    def __init__(
        self, name: str, session: RedisSession, *, clock: Clock, options: Options | None = None
    ) -> None:
        self.name = name
        self._session = session
        self._clock = clock
        self._options = options or Options()
        self._nature: Nature | None = None
        self._questions: tuple[Question, ...] = ()
        self._scrapes = 0
        self._seconds = 0.0
        self._aborted = threading.Event()
        self._walk = self._walk_of(self._options.keys)
        self._pass_at = 0.0
        self._groups: list[Family] | None = None
        self._before: dict[str, list[Family]] = {}

    @property
    def address(self) -> str:
        return self._session.address.shown

    def declared(self) -> Sequence[MetricDeclaration]:
        return declared()

    def abort(self) -> None:
        self._aborted.set()
        self._session.abort()

    def close(self) -> None:
        self._session.close()

    def collect(self, order: CollectionOrder) -> Reading:
        began = time.monotonic()
        self._aborted.clear()
        self._scrapes += 1
        try:
            fields, outcomes = self._ask(began, order.deadline)
        except ObserverError as error:
            self._nature = None
            self._seconds += time.monotonic() - began
            return Reading(
                up=False,
                always=[one(UP, 0), one(SCRAPE_ERROR, 1, f'err="{error.code}"'), *self._own(began)],
                fault=Fault(error.code, error.sentence, error.remedy),
                connections=int(self._session.connected),
            )
        if self._walk is not None and order.now >= self._pass_at and _may_walk(fields):
            outcomes += self._pass(order)
        self._seconds += time.monotonic() - began
        always = [one(UP, 1), one(SCRAPE_ERROR, 0, 'err=""'), *self._own(began)]
        return Reading(up=True, outcomes=outcomes, always=always, facts=_facts(fields), connections=1)

    def _own(self, began: float) -> list[Family]:
        return [
            one(SCRAPES, self._scrapes),
            one(SCRAPE_SECONDS, time.monotonic() - began),
            Family(SCRAPES_SECONDS, (("_sum", "", self._seconds), ("_count", "", self._scrapes))),
            one(CONNECT_SECONDS, self._session.connect_seconds),
        ]

    def _ask(self, began: float, deadline: Deadline) -> tuple[Info, list[Outcome]]:
        """One write for INFO and the first commands of all, another one where some follow."""
        if self._nature is None:
            self._learn(self._session.ask([INFO_COMMAND], deadline)[0])
        first = self._session.ask(
            [INFO_COMMAND, *(command for question in self._questions for command in question.commands)],
            deadline,
        )
        questions, known = self._questions, self._nature
        fields = self._learn(first[0])
        if self._nature != known:
            # Another server than a moment ago, which may understand other questions.
            return self._ask(began, deadline)
        refused = first[0] if isinstance(first[0], Exception) else None
        replies = _split(first[1:], [len(question.commands) for question in questions])
        follows = [_follow(question, got, fields) for question, got in zip(questions, replies, strict=True)]
        more = [command for commands in follows for command in commands]
        following = _split(
            self._session.ask(more, deadline) if more else [], [len(commands) for commands in follows]
        )
        outcomes = [self._outcome(info.NAME, began, lambda: self._info(refused, fields, replies))]
        for question, got, commands, then in zip(questions, replies, follows, following, strict=True):
            run = partial(self._families, question, got, commands, then, fields)
            outcomes.append(self._outcome(question.collector, began, run))
        return fields, outcomes

    def _learn(self, reply: Any) -> Info:  # noqa: ANN401 - the reply or its refusal
        """INFO's fields; what they say of the server decides what it is asked."""
        if isinstance(reply, Exception):
            fault = refusal_of(reply, INFO_COMMAND, self._session.address.user)
            if isinstance(fault, TargetUnreachable):
                # A server that is busy with a script, or loads its data, serves nobody.
                raise fault
            fields: Info = {}
        else:
            fields = info.parse(reply)
        nature = Nature.of(fields)
        if nature != self._nature:
            if self._walk is not None:
                self._walk.restart()
            self._nature, self._questions = nature, self._plan(nature)
        return fields

    def _plan(self, nature: Nature) -> tuple[Question, ...]:
        found = self._walk.finished.streams if self._walk and self._walk.finished else set()
        return questions(nature, self._options, home=self._session.address.database, found=found)

    def _info(self, refused: Exception | None, fields: Info, replies: Sequence[Replies]) -> list[Family]:
        if refused is not None:
            raise refusal_of(refused, INFO_COMMAND, self._session.address.user)
        families = [*info.families(fields, now=self._clock.now()), *command_stats.families(fields)]
        if self._nature is not None and self._nature.sentinel:
            families += sentinel.of_info(fields)
        else:
            asked = [
                got
                for question, got in zip(self._questions, replies, strict=True)
                if question.collector == configuration.NAME
            ]
            if not asked or any(isinstance(reply, Exception) for reply in asked[0]):
                families += configuration.from_info(fields)
        return families

    def _families(
        self, question: Question, first: Replies, more: Sequence[Command], following: Replies, fields: Info
    ) -> list[Family]:
        """What a question's replies mean.

        Raises:
            ObserverError: A command was refused.
        """
        judged = list(zip(question.commands, first, strict=True))
        if not question.tolerant:
            judged += zip(more, following, strict=True)
        for command, reply in judged:
            if isinstance(reply, Exception):
                raise refusal_of(reply, command, self._session.address.user)
        return question.read(first, following, fields)

    def _outcome(
        self, collector: str, began: float, run: Callable[[], list[Family]], clock: float = 0.0
    ) -> Outcome:
        families: list[Family] | None
        fault: Fault | None
        try:
            found = _steady(run(), self._before.get(collector, ()))
            self._before[collector] = found
            families, fault = found, None
        except ObserverError as error:
            families, fault = None, Fault(error.code, error.sentence, error.remedy)
        except (ValueError, LookupError, TypeError) as error:
            # A reply of another shape than any version known sends; the other collectors go on.
            words = f"a reply could not be understood: {type(error).__name__}: {error}"
            families, fault = None, Fault(Malformed.code, words)
        return Outcome(collector, time.monotonic() - began, families, fault, clock)

    # ------------------------------------------------------------------------------------- the walk over keys

    def _walk_of(self, options: KeyOptions) -> KeyWalk | None:
        patterns = [place for place in options.streams if place.is_pattern]
        groups = options.groups if keys.GROUPS not in self._options.without else {}
        if not groups and not patterns:
            return None
        return KeyWalk(
            groups=groups,
            streams=patterns,
            home=self._session.address.database,
            limits=options.limits,
        )

    def _pass(self, order: CollectionOrder) -> list[Outcome]:
        """One pass of the walk over all keys; what a whole walk found is shown until the next one ends."""
        walk, options = self._walk, self._options.keys
        if walk is None:
            return []
        began = time.monotonic()

        def run() -> list[Family]:
            # Half of what is left: a pass that is late must not cost the numbers that are there already.
            until = began + order.deadline.left() / 2
            if walk.run(
                lambda asked: self._replies(asked, order.deadline), until=until, pause=self._aborted.wait
            ):
                # The walk may have found other streams.
                self._questions = self._plan(self._nature or Nature())
                if walk.finished is not None and walk.groups:
                    self._groups = keys.group_families(
                        walk.groups,
                        walk.finished,
                        at=self._clock.now(),
                        memory=options.limits.samples > 0,
                    )
            return self._groups or []

        outcome = self._outcome(keys.GROUPS, began, run, options.interval)
        self._pass_at = order.now + options.interval
        return [outcome]

    def _replies(self, asked: Sequence[Command], deadline: Deadline) -> list[Any]:
        """Replies of which none may be a refusal.

        Raises:
            ObserverError: One was refused.
        """
        replies = self._session.ask(asked, deadline)
        for command, reply in zip(asked, replies, strict=True):
            if isinstance(reply, Exception):
                raise refusal_of(reply, command, self._session.address.user)
        return replies


def _steady(families: Sequence[Family], before: Sequence[Family]) -> list[Family]:
    """The families; those that are as before are the same objects, which are not rendered again."""
    if len(families) != len(before):
        return list(families)
    return [
        old if old.metric is new.metric and old.samples == new.samples else new
        for new, old in zip(families, before, strict=True)
    ]


def _split(replies: Sequence[Any], lengths: Sequence[int]) -> list[Replies]:
    """The replies of each question."""
    found, begin = [], 0
    for length in lengths:
        found.append([keys.ELSEWHERE if moved(one) else one for one in replies[begin : begin + length]])
        begin += length
    return found


def _follow(question: Question, first: Replies, fields: Info) -> tuple[Command, ...]:
    if question.follow is None or any(isinstance(reply, Exception) for reply in first):
        return ()
    return question.follow(first, fields)


def _may_walk(fields: Info) -> bool:
    """Whether keys may be looked at: not while they are loaded, and in a cluster on masters only."""
    loading = fields.get("loading") == "1" or fields.get("async_loading") == "1"
    copy = fields.get("cluster_enabled") == "1" and fields.get("role") != "master"
    return not loading and not copy and info.mode(fields) != "sentinel"


def _facts(fields: Info) -> dict[str, str]:
    server = "Valkey" if "valkey_version" in fields else "Redis"
    number = fields.get("valkey_version") or fields.get("redis_version", "")
    role = "sentinel" if info.mode(fields) == "sentinel" else fields.get("role", "")
    return {"version": f"{server} {number}".strip(), "role": role}
