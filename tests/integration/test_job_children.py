"""Children that hang, grow, or whose parent dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent

import pytest

from observer.errors import DeadlineExceeded
from observer.jobs.child import ChildFailed, ask_child
from observer.jobs.job import Interrupted, RunStop
from tests.conditions import wait_for


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The source of a module ``made_up`` that a child can run."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path.cwd())]))
    return tmp_path / "made_up.py"


HANGS = """
    import os, sys, time
    sys.stdin.read()
    print(os.getpid(), file=sys.stderr, flush=True)
    time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_the_request_comes_in_and_the_answer_and_progress_come_out(module: Path) -> None:
    """Neither stands among arguments or in the environment."""
    module.write_text(
        dedent("""
            import json, os, sys
            request = json.load(sys.stdin)
            print("half way", file=sys.stderr, flush=True)
            seen = "hunter2" in " ".join(sys.argv) + str(dict(os.environ))
            print(json.dumps({"got": request, "seen": seen}))
        """)
    )
    said: list[str] = []
    request = {"password": "hunter2", "long": "x" * 300_000}
    answer = ask_child("made_up", request, what="it", seconds=20, stop=RunStop(), say=said.append)
    assert answer == {"got": request, "seen": False}
    assert said == ["half way"]


def test_a_child_that_hangs_is_killed_at_its_deadline(module: Path) -> None:
    """Soon after, and nothing of it is left."""
    module.write_text(dedent(HANGS))
    said: list[str] = []
    with pytest.raises(DeadlineExceeded, match="within 2 seconds"):
        ask_child("made_up", {}, what="it", seconds=2, stop=RunStop(), say=said.append)
    assert said
    assert not alive(int(said[0]))


def test_a_child_is_ended_when_observer_ends(module: Path) -> None:
    """Long before its deadline."""
    module.write_text(dedent(HANGS))
    stop, said = RunStop(), threading.Event()
    ender = threading.Thread(target=lambda: said.wait(20) and stop.ask())
    ender.start()
    with pytest.raises(Interrupted):
        ask_child("made_up", {}, what="it", seconds=60, stop=stop, say=lambda _: said.set())
    ender.join()
    with pytest.raises(Interrupted):
        ask_child("made_up", {}, what="it", seconds=60, stop=stop)


def test_a_child_cannot_outgrow_its_memory(module: Path) -> None:
    """It fails by itself, and the machine is left alone."""
    module.write_text("kept = bytearray(10**9)\n")
    with pytest.raises(ChildFailed, match="more memory than its bound"):
        ask_child("made_up", {}, what="it", seconds=20, stop=RunStop(), memory=512 * 1024**2)


def test_a_child_does_not_outlive_a_parent_that_is_killed(module: Path) -> None:
    """SIGKILL gives nobody the time to end children."""
    module.write_text(dedent(HANGS))
    code = dedent("""
        from observer.jobs.child import ask_child
        from observer.jobs.job import RunStop
        ask_child("made_up", {}, what="it", seconds=60, stop=RunStop(), say=lambda l: print(l, flush=True))
    """)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_for(lambda: not alive(pid), "the end of the child")
