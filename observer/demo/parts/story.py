"""What happens in the demo by itself: a person builds the advised indexes, then a job forgets a lock."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
from psycopg.conninfo import conninfo_to_dict

from observer.demo.parts.part import Sight, Stage
from observer.reports.brought import brought

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.demo.parts.app import AppPart
    from observer.demo.parts.observer import ObserverPart
    from observer.demo.parts.postgres import PostgresPart

LOCK_SECONDS = 45

PATIENCE = 240.0
"""Most seconds from the start until the fault, however far the advice has come by then: a busy machine may
take as long. Where nothing is to be advised, nothing is waited for."""

GLANCE = 2.0
"""Seconds between two looks at the reports."""


class StoryPart:
    """Plays the fault and the user; ends with the demo.

    Args:
        postgres: Where the indexes are built, as the owner of the tables.
        app: Where the fault is asked for.
        observer: Whose advice is followed.
    """

    key = "story"
    title = "What happens by itself"

    def __init__(self, *, postgres: PostgresPart, app: AppPart, observer: ObserverPart) -> None:
        self._postgres = postgres
        self._app = app
        self._observer = observer
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, stage: Stage) -> None:
        thread = threading.Thread(target=self._play, args=(stage.say,), name="story", daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(5)

    def ended(self) -> str | None:
        return None

    def address(self) -> str:
        return ""

    def sights(self) -> Sequence[Sight]:
        observer = self._observer.address()
        return [
            Sight(
                f"{observer}/reports",
                "within a minute the first report on missing indexes; the demo applies it as a person would,"
                " and the next report tells what it brought, as does the start page",
            ),
            Sight(
                "after that, in Slack",
                f"a job forgets a transaction that locks a table for {LOCK_SECONDS} seconds: red messages,"
                " who blocks whom in their threads, then green",
            ),
            Sight(f"{observer}/statements", "what takes more time than a minute ago"),
        ]

    def _play(self, say: Callable[[str], None]) -> None:
        end = time.monotonic() + PATIENCE
        if self._build(say, end):
            self._await_effect(say, end)
        if not self._over.is_set():
            self._lock(say)

    def _lock(self, say: Callable[[str], None]) -> None:
        url = f"{self._app.address()}/demo/fault?kind=lock&seconds={LOCK_SECONDS}"
        try:
            httpx.post(url, timeout=10, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            say(f"Fault: the lock could not be asked for: {error}")
            return
        say(f"Fault: a job forgets a transaction that locks a table for {LOCK_SECONDS} seconds; see Slack")
        if not self._over.wait(LOCK_SECONDS):
            say("Fault: the lock is gone; the messages turn green within a minute")

    def _build(self, say: Callable[[str], None], end: float) -> bool:
        """Apply the first report that recommends something, as a person does: its file, with psql."""
        newest: dict[str, Any] = {}
        while not newest.get("report", {}).get("recommendations"):
            if self._over.wait(GLANCE) or time.monotonic() > end:
                return False
            newest = self._read("/reports/indexes.json")
            if newest and not newest["report"]["hypopg"]:
                say("Indexes: without HypoPG nothing is priced, and nothing is recommended")
                return False
        count = len(newest["report"]["recommendations"])
        say(f"Indexes: the first report recommends {count}; applying its file with psql, as a person would")
        url = f"{self._observer.address()}/reports/{newest['id']}.sql"
        try:
            file = httpx.get(url, timeout=10, trust_env=False).raise_for_status().text
        except httpx.HTTPError as error:
            say(f"Indexes: not built: {error}")
            return False
        failed = self._psql(file)
        if failed or self._over.is_set():
            say(f"Indexes: not built: {failed or 'the demo ends'}")
            return False
        say("Indexes: built; the next report tells what they brought")
        return True

    def _psql(self, script: str) -> str:
        """Run a script as the owner of the tables; why it failed, or nothing. Ended when the demo ends."""
        given = conninfo_to_dict(self._postgres.address())
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
        environment = {variable: str(given[name]) for name, variable in names.items() if name in given}
        process = subprocess.Popen(
            [
                str(self._postgres.server.bin_dir / "psql"),
                *("--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", str(given["dbname"])),
            ],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        text: str | None = script
        while True:
            try:
                _, errors = process.communicate(text, timeout=GLANCE)
            except subprocess.TimeoutExpired:
                text = None
                if self._over.is_set():
                    process.kill()
            else:
                return errors.strip() if process.returncode else ""

    def _await_effect(self, say: Callable[[str], None], end: float) -> None:
        """Wait for a report that tells of the built indexes, so that the lock does not blur what it says."""
        while not self._over.wait(GLANCE) and time.monotonic() < end:
            reports = self._read("/reports.json").get("reports")
            newest = reports[0] if isinstance(reports, list) and reports else {}
            told = brought(newest["changes"]) if newest else None
            if told is not None and any(one.after is not None for one in told.statements):
                say(f"Indexes: {told.sentence()}; see {self._observer.address()}/reports/{newest['id']}")
                return

    def _read(self, path: str) -> dict[str, Any]:
        try:
            answer = httpx.get(f"{self._observer.address()}{path}", timeout=10, trust_env=False)
        except httpx.HTTPError:
            return {}
        found = answer.json() if answer.is_success else {}
        return found if isinstance(found, dict) else {}
