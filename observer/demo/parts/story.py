"""What happens in the demo by itself: a lock that becomes an alert, and a person who builds the indexes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import httpx
import psycopg

from observer.demo.parts.part import Sight, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.demo.parts.app import AppPart
    from observer.demo.parts.observer import ObserverPart
    from observer.demo.parts.postgres import PostgresPart

LOCK_AFTER = 40.0
"""Seconds after the start at which a transaction begins to hold a lock."""

LOCK_SECONDS = 45

GLANCE = 3.0
"""Seconds between two looks for an index report."""


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
        for name, play in (("lock", self._lock), ("indexes", self._build)):
            thread = threading.Thread(target=play, args=(stage.say,), name=f"story-{name}", daemon=True)
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
        return [
            Sight(
                f"after {LOCK_AFTER:.0f} seconds",
                f"a transaction holds a lock for {LOCK_SECONDS} seconds: an alert, red, then green again",
            ),
            Sight(
                f"{self._observer.address()}/reports",
                "soon the first index report; the demo applies it, the next one tells what it brought",
            ),
        ]

    def _lock(self, say: Callable[[str], None]) -> None:
        if self._over.wait(LOCK_AFTER):
            return
        url = f"{self._app.address()}/demo/fault?kind=lock&seconds={LOCK_SECONDS}"
        try:
            httpx.post(url, timeout=10, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            say(f"Fault: the lock could not be asked for: {error}")
            return
        say(f"Fault: a transaction holds a lock for {LOCK_SECONDS} seconds; see Slack")

    def _build(self, say: Callable[[str], None]) -> None:
        """Apply the first report that recommends something, as a person does: its file, line by line."""
        while not self._over.wait(GLANCE):
            statements = self._advice()
            if not statements:
                continue
            say(f"Indexes: building the {len(statements)} that the report recommends")
            try:
                with psycopg.connect(self._postgres.address(), autocommit=True) as connection:
                    for statement in statements:
                        if self._over.is_set():
                            return
                        connection.execute(statement.encode())
            except psycopg.Error as error:
                say(f"Indexes: not built: {error}")
                return
            say("Indexes: built; the next report tells what they brought")
            return

    def _advice(self) -> list[str]:
        try:
            answer = httpx.get(
                f"{self._observer.address()}/reports/indexes.json", timeout=10, trust_env=False
            )
        except httpx.HTTPError:
            return []
        if not answer.is_success:
            return []
        return statements_of(answer.json())


def statements_of(document: dict[str, object]) -> list[str]:
    """The DDL of a report's recommendations, in their order."""
    found = document.get("report", document)
    recommendations = found.get("recommendations", []) if isinstance(found, dict) else []
    return [one["ddl"] for one in recommendations]
