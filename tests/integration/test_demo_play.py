"""The order of the demo: up in order, down in reverse, whatever happens."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from observer.demo.leftovers import in_use, sweep
from observer.demo.play import Options, json_line, play
from observer.errors import ConfigurationError, NotAvailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from observer.demo.parts import Sight, Stage


class Actor:
    """A part that writes down what happens to it."""

    def __init__(self, key: str, diary: list[str], *, at_start: Callable[[], None] = lambda: None) -> None:
        self.key = key
        self.title = key
        self._diary = diary
        self._at_start = at_start
        self.directory: Path | None = None

    def start(self, stage: Stage) -> None:
        self._diary.append(f"start {self.key}")
        self.directory = stage.directory
        (stage.directory / self.key).write_text("something")
        self._at_start()

    def stop(self) -> None:
        self._diary.append(f"stop {self.key}")

    def ended(self) -> str | None:
        return None

    def address(self) -> str:
        return f"http://{self.key}"

    def sights(self) -> Sequence[Sight]:
        return []


def run(parts: Sequence[Actor], options: Options, diary: list[str]) -> bool:
    return play(options, parts=parts, progress=lambda _: None, when_up=lambda: diary.append("up"))


def refuse() -> None:
    raise NotAvailable("no stage fright allowed")


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_up_in_order_and_down_in_reverse() -> None:
    """When the minutes are over everything ends, the directory too."""
    diary: list[str] = []
    parts = [Actor("a", diary), Actor("b", diary)]
    assert run(parts, Options(minutes=0.0), diary)
    assert diary == ["start a", "start b", "up", "stop b", "stop a"]
    assert parts[0].directory is not None
    assert not parts[0].directory.exists()


def test_a_part_that_fails_takes_the_others_down() -> None:
    """A failed start is told, after the parts before it, and itself, were ended."""
    diary: list[str] = []
    parts = [Actor("a", diary), Actor("b", diary, at_start=refuse), Actor("c", diary)]
    with pytest.raises(NotAvailable):
        run(parts, Options(minutes=0.0), diary)
    assert diary == ["start a", "start b", "stop b", "stop a"]
    assert parts[0].directory is not None
    assert not parts[0].directory.exists()


def test_ctrl_c_during_the_start_ends_in_order() -> None:
    """An interrupt while a part starts is the end and no error; the old handler is back afterwards."""
    before = signal.getsignal(signal.SIGINT)
    diary: list[str] = []
    assert not run([Actor("a", diary, at_start=interrupt), Actor("b", diary)], Options(), diary)
    assert diary == ["start a", "stop a"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_does_not_disturb_the_end() -> None:
    """Whoever presses twice still gets everything tidied up."""
    diary: list[str] = []

    class Slow(Actor):
        def stop(self) -> None:
            interrupt()
            super().stop()

    run([Actor("a", diary), Slow("b", diary)], Options(minutes=0.0), diary)
    assert diary[-2:] == ["stop b", "stop a"]


def test_keep_leaves_the_directory(server_directory: Path) -> None:
    """What was asked to be kept is there, and is never mixed with what was there before."""
    diary: list[str] = []
    kept = server_directory / "kept"
    run([Actor("a", diary)], Options(minutes=0.0, keep=kept), diary)
    assert (kept / "a").read_text() == "something"
    with pytest.raises(ConfigurationError, match="not an empty directory"):
        run([Actor("a", diary)], Options(minutes=0.0, keep=kept), diary)


def test_the_json_line_names_every_part() -> None:
    """Parts that are not there are null, so that a reader need not ask for keys."""
    assert json_line([Actor("redis", [])]) == (
        '{"observer": null, "prometheus": null, "postgres": null, "pgbouncer": null,'
        ' "redis": "http://redis", "app": null, "alertmanager": null, "slack": null}'
    )


def test_what_a_killed_demo_left_is_swept(tmp_path: Path) -> None:
    """A directory nobody holds any more goes; one in use, a young one and a stranger's stay."""
    names = ("observer-demo-dead", "observer-demo-alive", "observer-demo-young", "observer-demo-strange")
    dead, alive, _young, strange = paths = [tmp_path / name for name in names]
    for path in paths:
        path.mkdir()
        (path / "data").write_text("something")
        if path is not strange:
            with in_use(path):
                pass
    long_ago = 1_000_000_000
    for path in (dead, alive, strange):
        os.utime(path, (long_ago, long_ago))
    with in_use(alive):
        os.utime(alive, (long_ago, long_ago))
        assert sweep(tmp_path, prefix="observer-demo-") == [dead]
    assert [path.exists() for path in paths] == [False, True, True, True]
