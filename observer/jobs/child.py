"""A child process that answers one request: secrets on standard input, killed at its deadline."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from observer.errors import (
    ConfigurationError,
    DeadlineExceeded,
    Kind,
    Malformed,
    NotAvailable,
    NotPermitted,
    ObserverError,
    TargetUnreachable,
)
from observer.jobs.job import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from observer.jobs.job import RunStop

MEMORY = 1024**3
"""Bytes of address space."""

MOST_ANSWER = 32 * 1024**2
"""Bytes of an answer; what is longer is none of ours."""

LINE = 400
TAIL = 5

_KNOWN: dict[str, type[ObserverError]] = {
    known.code: known
    for known in (
        ConfigurationError,
        DeadlineExceeded,
        Malformed,
        NotAvailable,
        NotPermitted,
        TargetUnreachable,
    )
}


class ChildFailed(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """A child process ended without an answer."""

    code = "child-failed"
    kind = Kind.RETRYABLE


@dataclass(slots=True)
class _Collected:
    answer: bytearray = field(default_factory=bytearray)
    overflown: bool = False
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL))


def ask_child(
    module: str,
    request: Mapping[str, Any],
    *,
    what: str,
    seconds: float,
    stop: RunStop,
    say: Callable[[str], None] = lambda _: None,
    memory: int = MEMORY,
) -> dict[str, Any]:
    """The answer of ``python -m module`` to a request.

    Args:
        module: What the child runs.

        request: Sent as JSON on standard input: no secret stands among arguments or in the environment.

        what: Names the child in errors.

        seconds: After these it is killed.

        stop: Kills it early.

        say: Told each line that it writes to standard error.

        memory: Bytes of address space.

    Raises:
        DeadlineExceeded: It was killed at its deadline.

        Interrupted: It was killed because Observer ends.

        ObserverError: What it reports itself, or that it failed.
    """
    cpu = max(1, round(seconds * (os.cpu_count() or 1)))
    child = subprocess.Popen(
        [sys.executable, "-m", "observer.jobs.confined", str(os.getpid()), str(memory), str(cpu), module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("OBSERVER__")},
        start_new_session=True,
    )
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise AssertionError("three pipes were asked for")
    collected = _Collected()
    threads = [
        threading.Thread(target=_write, args=(child.stdin, json.dumps(request).encode()), daemon=True),
        threading.Thread(target=_read_answer, args=(child.stdout, collected), daemon=True),
        threading.Thread(target=_read_lines, args=(child.stderr, collected, say), daemon=True),
    ]
    late = False
    try:
        with stop.aborts(child.kill):
            for thread in threads:
                thread.start()
            try:
                child.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                late = True
    finally:
        child.kill()
        child.wait()
        for thread in threads:
            if thread.ident is not None:
                thread.join(timeout=5.0)
        for stream in (child.stdin, child.stdout, child.stderr):
            with contextlib.suppress(OSError):
                stream.close()
    if stop.asked:
        raise Interrupted(f"{what} was ended because Observer ends")
    if late:
        raise DeadlineExceeded(
            f"{what} was not done within {seconds:.0f} seconds and was ended",
            remedy="Raise advise.deadline, or lower advise.max_width.",
        )
    if collected.overflown:
        raise ChildFailed(f"{what} answered more than {MOST_ANSWER} bytes")
    return answer_of(what, child.returncode, bytes(collected.answer), tuple(collected.tail))


def answer_of(what: str, code: int, answer: bytes, tail: tuple[str, ...]) -> dict[str, Any]:
    """What a child that has ended said.

    Args:
        what: Names the child in errors.

        code: Its exit code, or less than zero: the signal that ended it.

        answer: Its standard output.

        tail: Its last lines on standard error.

    Raises:
        ObserverError: It reported a fault, or there is no answer.
    """
    try:
        document = json.loads(answer)
    except ValueError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("error"), dict):
        error = document["error"]
        known = _KNOWN.get(str(error.get("code", "")), ObserverError)
        raise known(str(error.get("sentence", "no reason was given")), remedy=str(error.get("remedy", "")))
    if code == 0 and isinstance(document, dict):
        return document
    if code < 0:
        raise ChildFailed(
            f"{what} was ended by signal {-code}",
            remedy="Most often memory ran out: see the kernel's log, and give the container more.",
        )
    last = tail[-1] if tail else "it said nothing"
    if last.startswith("MemoryError"):
        raise ChildFailed(f"{what} needed more memory than its bound", remedy="Lower advise.max_width.")
    raise ChildFailed(f"{what} ended with exit code {code}: {last}")


def _write(stream: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError):
        stream.write(data)
        stream.close()


def _read_answer(stream: IO[bytes], collected: _Collected) -> None:
    with contextlib.suppress(OSError, ValueError):
        while chunk := stream.read1(65_536):  # type: ignore[attr-defined]  # a pipe of Popen is buffered
            if len(collected.answer) + len(chunk) > MOST_ANSWER:
                collected.overflown = True
            else:
                collected.answer += chunk


def _read_lines(stream: IO[bytes], collected: _Collected, say: Callable[[str], None]) -> None:
    with contextlib.suppress(OSError, ValueError):
        while line := stream.readline(LINE):
            text = line.decode("utf-8", "replace").strip()
            if text:
                collected.tail.append(text)
                say(text)
