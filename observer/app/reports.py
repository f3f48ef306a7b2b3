"""The kept reports: a list, each report in its forms, and the newest one for machines."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse

from observer.advisor.report import from_document
from observer.app.errors import error_response
from observer.app.pages import HEADERS, templates
from observer.errors import ObserverError
from observer.reports.brought import brought
from observer.reports.changes import in_words
from observer.reports.indexes import changed, html, markdown, sql
from observer.reports.kept import INDEXES, Reports

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.app.persistence import Persistence
    from observer.clock import Clock
    from observer.reports.kept import KeptReport, Listed

LISTED = 200

_NO_STORE = {"cache-control": "no-store"}
_NONE_YET = "there is no index report yet"


def report_routes(persistence: Persistence, clock: Clock) -> APIRouter:
    """``/reports``, ``/reports.json``, ``/reports/indexes.json`` and ``/reports/{number}`` with its forms."""
    router = APIRouter()
    # The fixed paths come first: they would be taken for numbers.
    router.include_router(_lists(_Reading(persistence), clock))
    router.include_router(_forms(_Reading(persistence)))
    return router


class _Reading:
    """Reads the store off the event loop, and answers its faults in the shape of all errors."""

    def __init__(self, persistence: Persistence) -> None:
        self._persistence = persistence

    async def all(self, answer: Callable[[Reports], Response]) -> Response:
        try:
            return await asyncio.to_thread(lambda: answer(self.reports()))
        except ObserverError as fault:
            return error_response(503, fault.sentence, [fault.remedy] if fault.remedy else [])

    async def one(self, number: int, render: Callable[[KeptReport], Response]) -> Response:
        def answer(reports: Reports) -> Response:
            kept = reports.get(number)
            if kept is None:
                return error_response(404, f"there is no report {number}", ["/reports lists them."])
            try:
                return render(kept)
            except ValueError as fault:
                return error_response(410, str(fault))

        return await self.all(answer)

    def reports(self) -> Reports:
        return Reports(store=self._persistence.store())


def _lists(reading: _Reading, clock: Clock) -> APIRouter:
    router = APIRouter()
    page = templates().get_template("reports.html")

    @router.get("/reports")
    async def listed_page() -> Response:
        def read() -> Response:
            fault: ObserverError | None = None
            found: list[Listed] = []
            try:
                found = reading.reports().listed(LISTED)
            except ObserverError as known:
                fault = known
            now = clock.now()
            items = [
                {
                    "of": i,
                    "age": now - i.made_at,
                    "changes": in_words(i.changes),
                    "brought": told.sentence() if (told := brought(i.changes)) is not None else "",
                }
                for i in found
            ]
            return HTMLResponse(page.render(reports=items, fault=fault), headers=HEADERS)

        return await asyncio.to_thread(read)

    @router.get("/reports.json")
    async def listed_json(limit: Annotated[int, Query(ge=1, le=1_000)] = LISTED) -> Response:
        def answer(reports: Reports) -> Response:
            items = [_listed(item) for item in reports.listed(limit)]
            return JSONResponse({"ok": True, "reports": items}, headers=_NO_STORE)

        return await reading.all(answer)

    @router.get("/reports/indexes.json")
    async def newest(target: str | None = None, database: str | None = None) -> Response:
        def answer(reports: Reports) -> Response:
            kept = reports.newest(INDEXES, target, database)
            if kept is None:
                given = [f"target {target}"] * (target is not None)
                given += [f"database {database}"] * (database is not None)
                return error_response(
                    404,
                    " for ".join([_NONE_YET, *([", ".join(given)] if given else [])]),
                    ["The start page tells when the next one is due, and what stands in its way."],
                )
            document = {"ok": True, **_listed(kept), "report": kept.document}
            return JSONResponse(document, headers=_NO_STORE)

        return await reading.all(answer)

    return router


def _forms(reading: _Reading) -> APIRouter:
    router = APIRouter()

    @router.get("/reports/{number:int}")
    async def as_html(number: int) -> Response:
        return await reading.one(number, lambda kept: HTMLResponse(_page(kept), headers=HEADERS))

    @router.get("/reports/{number:int}.sql")
    async def as_sql(number: int) -> Response:
        def render(kept: KeptReport) -> Response:
            text = sql.render(from_document(kept.document))
            return PlainTextResponse(text, headers=_file(kept, "sql"))

        return await reading.one(number, render)

    @router.get("/reports/{number:int}.md")
    async def as_markdown(number: int) -> Response:
        return await reading.one(
            number, lambda kept: PlainTextResponse(_markdown(kept), headers=_file(kept, "md"))
        )

    return router


def _page(kept: KeptReport) -> str:
    report = from_document(kept.document)
    links = (
        '<p class="quiet"><a href="../">Start</a> · <a href="../reports">All index reports</a> · '
        f'<a href="{kept.id}.sql">SQL to run</a> · <a href="{kept.id}.md">Markdown</a></p>'
    )
    whole = html.render(report)
    # Below the title and the sentence that sums up, above all else.
    whole = whole.replace('<div class="tiles">', f'{changed.html(kept.changes)}<div class="tiles">', 1)
    return whole.replace("<main>", f"<main>{links}", 1)


def _markdown(kept: KeptReport) -> str:
    return markdown.render(from_document(kept.document)) + "\n" + changed.markdown(kept.changes)


def _file(kept: KeptReport, ending: str) -> dict[str, str]:
    name = f"{kept.kind}-{kept.target}-{kept.id}.{ending}"
    return _NO_STORE | {
        "x-content-type-options": "nosniff",
        "content-disposition": f'inline; filename="{name}"',
    }


def _listed(item: Listed | KeptReport) -> dict[str, Any]:
    return {
        "id": item.id,
        "kind": item.kind,
        "target": item.target,
        "database": item.database,
        "made_at": item.made_at,
        "headline": item.headline,
        "changes": item.changes,
    }
