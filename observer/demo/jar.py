"""MealSync's Spring Boot service as files that Java runs: built by Maven once, and kept in the checkout."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import observer
from observer.demo.servers.process import find_program
from observer.errors import NotAvailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(observer.__file__).resolve().parents[1]

SOURCE = ROOT / "tests" / "spring"

CACHE = ROOT / ".cache" / "spring"
"""Ignored by git; a folder for each state of the source."""

BUILD_SECONDS = 900.0
"""Of the first build, which downloads what the service is made of."""

SAY_EVERY = 15.0

_KEPT = 3
_JDK = "default-jdk-headless"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class SpringService:
    """What is needed to run it.

    Attributes:
        java: The program.

        jar: Beside it, in ``lib``, is all it needs.

        archive: Classes as the virtual machine has them in memory; it saves two thirds of the start.
    """

    java: str
    jar: Path
    archive: Path


def spring_service(say: Callable[[str], None]) -> SpringService:
    """The service, built if its source has changed since it was built last.

    Args:
        say: Told that it is being built, and that it still is.

    Raises:
        NotAvailable: The source, Java or Maven is not there, or it cannot be built.
    """
    if not (SOURCE / "pom.xml").is_file():
        raise NotAvailable(
            "the source of the Spring Boot service is not installed", remedy="run the demo in a checkout"
        )
    java = find_program("java", package=_JDK)
    folder = CACHE / _state(java)
    service = SpringService(java, folder / "mealsync.jar", folder / "mealsync.jsa")
    if not service.jar.is_file():
        try:
            with _alone():
                if not service.jar.is_file():
                    _build(java, folder, say)
        except OSError as error:
            raise NotAvailable(f"the Spring Boot service cannot be built: {error}") from error
    return service


def _state(java: str) -> str:
    """A name for the source as it is, and for the Java that it is built with."""
    program = Path(java).resolve()
    digest = hashlib.sha256(f"{program} {program.stat().st_mtime_ns}".encode())
    for file in sorted(path for path in SOURCE.rglob("*") if path.is_file()):
        digest.update(f"\0{file.relative_to(SOURCE)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Nobody else builds meanwhile."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(java: str, folder: Path, say: Callable[[str], None]) -> None:
    maven = find_program("mvn", package="maven")
    find_program("javac", package=_JDK)
    say("MealSync: building the Spring Boot service; only the first time, one to three minutes")
    work = CACHE / "build"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(SOURCE, work)
    _run((maven, "-B", "-q", "-DskipTests", "package"), work, say)
    # Out of one file into several: Java starts much faster, and can keep an archive of classes.
    jar, made = work / "target" / "mealsync.jar", work / "made"
    _run((java, "-Djarmode=tools", "-jar", str(jar), "extract", "--destination", str(made)), work, say)
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
    _archive_classes(java, folder, say)
    shutil.rmtree(work, ignore_errors=True)
    for old in sorted(_built(), key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def _archive_classes(java: str, folder: Path, say: Callable[[str], None]) -> None:
    """Start the service once without anything it talks to, and write down the classes that this took.

    The archive holds the path of the jar, so the folder has its name by then. It is whole without one, too.
    """
    nothing = folder / "no-endpoints.json"
    nothing.write_text("[]", encoding="utf-8")
    training = (java, "-XX:ArchiveClassesAtExit=mealsync.jsa", "-XX:+UseSerialGC", "-Xlog:cds=off")
    options = ("-Dspring.context.exit=onRefresh", f"-Dmealsync.endpoints={nothing}", "-Dserver.port=0")
    try:
        _run((*training, *options, "-jar", str(folder / "mealsync.jar")), folder, say)
    except NotAvailable:
        (folder / "mealsync.jsa").unlink(missing_ok=True)


def _built() -> list[Path]:
    return [path for path in CACHE.iterdir() if (path / "mealsync.jar").is_file()]


def _run(arguments: Sequence[str], directory: Path, say: Callable[[str], None]) -> None:
    """Run a step of the build to its end; it does not outlive us.

    Raises:
        NotAvailable: It failed, or takes too long; with the end of what it wrote.
    """
    log = CACHE / "log"
    began = said = time.monotonic()
    with log.open("wb") as output:
        child = subprocess.Popen(
            ("setpriv", "--pdeathsig=KILL", "--", "nice", *arguments),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Maven's own settings, a proxy for instance, are the user's.
            env=os.environ,
        )
        try:
            while child.poll() is None:
                now = time.monotonic()
                if now - began > BUILD_SECONDS:
                    raise NotAvailable(f"{Path(arguments[0]).name} takes over {BUILD_SECONDS:.0f} seconds")
                if now - said > SAY_EVERY:
                    said = now
                    say("MealSync: still building")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(0.2)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    if child.returncode != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        told = _COLOURS.sub("", next((line for line in lines if "ERROR" in line), lines[-1] if lines else ""))
        raise NotAvailable(
            f"{Path(arguments[0]).name} failed: {told.strip()[:200]}", remedy=f"see {log} for the whole of it"
        )


def main() -> None:
    """Build it now, so that nobody waits for it later."""
    service = spring_service(lambda line: print(line, file=sys.stderr, flush=True))
    print(service.jar)


if __name__ == "__main__":
    main()
