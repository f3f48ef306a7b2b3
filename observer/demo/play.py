"""The demo from start to end: parts up in order, addresses told, everything down again."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.demo.ending import Ended, Ending
from observer.demo.leftovers import in_use, sweep
from observer.demo.parts import Part, Stage
from observer.demo.parts.alertmanager import AlertmanagerPart
from observer.demo.parts.app import AppPart
from observer.demo.parts.credentials import Credentials
from observer.demo.parts.observer import ObserverPart
from observer.demo.parts.pgbouncer import PgBouncerPart
from observer.demo.parts.postgres import PostgresPart
from observer.demo.parts.prometheus import PrometheusPart
from observer.demo.parts.redis import RedisPart
from observer.demo.parts.slack import SlackPart
from observer.demo.parts.story import StoryPart
from observer.demo.servers import Account, ordinary_account, private_directory
from observer.demo.servers.account import make_directory, may_enter
from observer.demo.servers.ports import free_port
from observer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from observer.demo.parts.app import Program

KEYS = ("observer", "prometheus", "postgres", "pgbouncer", "redis", "app", "alertmanager", "slack")
"""Of the JSON line; a part that is not there is null."""

_GLANCE = 0.5
_PREFIX = "observer-demo-"


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for.

    Attributes:
        minutes: How long it runs once everything is up; ``None`` until somebody ends it.

        users: How many simulated users.

        scale: Of the sample; 1 makes tables of up to 1.25 million rows.

        keep: Directory to run in and to leave behind; ``None`` takes a temporary one.

        app: Which MealSync; ``None`` takes the Spring Boot service where it can be built.
    """

    minutes: float | None = None
    users: int = 40
    scale: float = 1.0
    keep: Path | None = None
    app: Program | None = None


def parts_of(options: Options) -> list[Part]:
    """All parts, in the order in which they are started."""
    credentials = Credentials()
    postgres = PostgresPart(credentials=credentials, scale=options.scale)
    pgbouncer = PgBouncerPart(postgres=postgres)
    redis = RedisPart(credentials=credentials)
    app = AppPart(
        postgres=postgres,
        pgbouncer=pgbouncer,
        redis=redis,
        users=options.users,
        scale=options.scale,
        program=options.app,
    )
    # Each of these is told of another before that one is there, so their ports are chosen first.
    observer_port, prometheus_port = free_port(), free_port()
    slack = SlackPart()
    alertmanager = AlertmanagerPart(observer=f"127.0.0.1:{observer_port}", credentials=credentials)
    observer = ObserverPart(
        postgres=postgres,
        pgbouncer=pgbouncer,
        redis=redis,
        app=app,
        slack=slack,
        alertmanager=alertmanager,
        prometheus=f"http://127.0.0.1:{prometheus_port}",
        port=observer_port,
    )
    prometheus = PrometheusPart(observer=observer, app=app, alertmanager=alertmanager, port=prometheus_port)
    story = StoryPart(postgres=postgres, app=app, observer=observer)
    return [postgres, pgbouncer, redis, app, slack, alertmanager, observer, prometheus, story]


def play(
    options: Options,
    *,
    parts: Sequence[Part],
    progress: Callable[[str], None],
    when_up: Callable[[], None],
) -> bool:
    """Run the demo until its minutes are over, or until SIGINT or SIGTERM. Leaves nothing behind.

    Whether everything came up before somebody ended it is what it returns.

    Must be called in the main thread, where signals arrive.

    Args:
        options: What the user asked for.

        parts: In the order in which they are started.

        progress: Told what is being done.

        when_up: Called once, when everything serves.
    """
    account = ordinary_account()
    is_up = False
    with (
        contextlib.suppress(Ended),
        Ending() as ending,
        _directory(options.keep, account, progress) as directory,
        contextlib.ExitStack() as started,
    ):
        try:
            ending.arm()
            stage = Stage(directory=directory, account=account, say=progress)
            for part in parts:
                started.callback(part.stop)
                part.start(stage)
            is_up = True
            when_up()
            _watch(parts, minutes=options.minutes, say=progress, sleep=ending.sleep)
        finally:
            ending.disarm()
            progress("ending everything")
    return is_up


def _watch(
    parts: Sequence[Part],
    *,
    minutes: float | None,
    say: Callable[[str], None],
    sleep: Callable[[float], None],
) -> None:
    """Wait for the end of the time, and say when a part ends by itself or by somebody's hand."""
    end = None if minutes is None else time.monotonic() + minutes * 60
    running = list(parts)
    while end is None or time.monotonic() < end:
        for part in list(running):
            why = part.ended()
            if why is not None:
                running.remove(part)
                say(f"{part.title} {why}")
        sleep(_GLANCE if end is None else min(_GLANCE, max(0.0, end - time.monotonic())))


@contextlib.contextmanager
def _directory(keep: Path | None, account: Account | None, say: Callable[[str], None]) -> Iterator[Path]:
    if keep is None:
        with private_directory(prefix=_PREFIX, account=account) as directory, in_use(directory):
            for path in sweep(directory.parent, prefix=_PREFIX):
                say(f"removed {path}, which a killed demo had left")
            yield directory
        return
    keep = keep.resolve()
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise ConfigurationError(
            f"{keep} exists and is not an empty directory", remedy="name a new directory"
        )
    closed = [step for step in keep.parents if step.exists() and not may_enter(account, step)]
    if account is not None and closed:
        raise ConfigurationError(
            f"the servers run as the user {account.name}, who cannot enter {closed[0]}",
            remedy="name a directory below /tmp, or run the demo as an ordinary user",
        )
    keep.parent.mkdir(parents=True, exist_ok=True)
    yield make_directory(keep, account)


def json_line(parts: Sequence[Part]) -> str:
    """Every address by key, on one line."""
    known = {part.key: part.address() for part in parts}
    return json.dumps({key: known.get(key) for key in KEYS})


def description(parts: Sequence[Part]) -> str:
    """Every address, and what is to be seen there."""
    lines: list[str] = []
    for part in parts:
        lines.append(part.title)
        for sight in part.sights():
            lines += [f"  {sight.address}", f"      {sight.what}"]
    return "\n".join(lines)
