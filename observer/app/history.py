"""What Prometheus remembers: statements that take more time than before, as a page and as JSON."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Response
from starlette.responses import HTMLResponse, JSONResponse

from observer.app.errors import error_response
from observer.app.pages import HEADERS, templates
from observer.deadlines import Deadline
from observer.errors import ConfigurationError, ObserverError
from observer.reports.slower import Slower, Windows, ask, span, texts_of
from observer.targets.prometheus import PrometheusSession

if TYPE_CHECKING:
    from observer.config.model import Prometheus

SECONDS = 10.0
"""How long Prometheus may take for all questions of one page."""

LISTED = 50


def history_routes(settings: Prometheus | None) -> APIRouter:
    """``/statements`` and ``/statements.json``.

    Args:
        settings: Where the history is; None when nobody keeps one.
    """
    router = APIRouter()
    history = _History(settings)
    page = templates().get_template("statements.html")

    @router.get("/statements")
    async def statements_page() -> Response:
        fault: ObserverError | None = None
        found: dict[str, Any] = {"statements": [], "compared": ""}
        try:
            found = await history.read()
        except ObserverError as known:
            fault = known
        return HTMLResponse(page.render(fault=fault, **found), headers=HEADERS)

    @router.get("/statements.json")
    async def statements_json() -> Response:
        try:
            found = await history.read()
        except ObserverError as fault:
            status = 404 if isinstance(fault, ConfigurationError) else 503
            return error_response(status, fault.sentence, [fault.remedy] if fault.remedy else [])
        return JSONResponse({"ok": True, **found}, headers={"cache-control": "no-store"})

    return router


class _History:
    """Asks for one page at a time, in a thread: the client blocks, and bears one caller."""

    def __init__(self, settings: Prometheus | None) -> None:
        self._session = PrometheusSession(settings.url) if settings is not None else None
        self._windows = (
            Windows(now=settings.window, offset=settings.compare_with) if settings is not None else Windows()
        )
        self._turn = asyncio.Lock()

    async def read(self) -> dict[str, Any]:
        """What is shown.

        Raises:
            ConfigurationError: Nobody keeps a history.
            ObserverError: Prometheus does not answer, or has too little history.
        """
        session = self._session
        if session is None:
            raise ConfigurationError(
                "No Prometheus is configured, so nobody remembers how it was before.",
                remedy="Set prometheus.url to the Prometheus that scrapes Observer.",
            )
        async with self._turn:
            return await asyncio.to_thread(self._asked, session)

    def _asked(self, session: PrometheusSession) -> dict[str, Any]:
        deadline = Deadline(SECONDS, f"asking {session.url} for statements")
        found = ask(session, self._windows, deadline)[:LISTED]
        texts = texts_of(session, [one.queryid for one in found], deadline)
        return {
            "compared": span(self._windows),
            "statements": [_statement(one, texts.get(one.queryid, "")) for one in found],
        }


def _statement(one: Slower, text: str) -> dict[str, Any]:
    return {
        "target": one.target,
        "database": one.database,
        "user": one.user,
        "queryid": one.queryid,
        "text": text,
        "load": one.load,
        "load_before": one.load_before,
        "mean_seconds": one.mean,
        "mean_seconds_before": one.mean_before,
        "why": one.cause(),
    }
