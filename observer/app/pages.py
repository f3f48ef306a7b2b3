"""Pages for people: the start page, self-contained, and the JSON behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, JSONResponse

from observer.advisor.budget import in_words
from observer.app.status import status
from observer.reports.brought import milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.clock import Clock
    from observer.exporter.exporter import Exporter

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""Pages load nothing from anywhere and run no script."""


def templates() -> Environment:
    """The environment that pages are rendered in: everything is escaped, everything must be defined."""
    environment = Environment(
        loader=PackageLoader("observer.app"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    environment.filters["bytes"] = in_words
    environment.filters["call"] = lambda seconds: milliseconds(None if seconds is None else seconds * 1000)
    return environment


def page_routes(exporter: Exporter, clock: Clock, more: Callable[[], dict[str, Any]]) -> APIRouter:
    """``/`` and ``/status.json``.

    Args:
        exporter: Tells of the targets.
        clock: Ages are counted by it.
        more: The keys beside the targets, see `Overview`; called off the event loop.
    """
    router = APIRouter()
    start = templates().get_template("start.html")

    @router.get("/")
    async def start_page() -> Response:
        beside = await asyncio.to_thread(more)
        return HTMLResponse(start.render(**_view(status(exporter, clock) | beside)), headers=HEADERS)

    @router.get("/status.json")
    async def status_json() -> Response:
        beside = await asyncio.to_thread(more)
        return JSONResponse(status(exporter, clock) | beside, headers={"cache-control": "no-store"})

    return router


def duration(seconds: float | None) -> str:
    """A span of time as people say it: ``40 ms``, ``1.2 s``, ``5 min``, ``3 h``."""
    if seconds is None:
        return "never"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 else "< 1 ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _view(state: dict[str, Any]) -> dict[str, Any]:
    verdict, troubled = _verdict(state["targets"])
    fires = sum(one["open"] for one in state["incidents"])
    if fires:
        verdict = f"{'1 incident is' if fires == 1 else f'{fires} incidents are'} open. {verdict}"
    targets = state["targets"]
    bad = [target["name"] for target in targets for vital in target["vitals"] if vital["bad"]]
    if bad:
        where = ", ".join(dict.fromkeys(bad))
        verdict = f"{verdict}. {len(bad)} {'thing' if len(bad) == 1 else 'things'} to look at: {where}"
    return state | {"verdict": verdict, "troubled": troubled or bool(fires) or bool(bad)}


def _verdict(targets: list[dict[str, Any]]) -> tuple[str, bool]:
    troubled = [target for target in targets if target["state"] in ("down", "degraded")]
    if not targets:
        verdict = "Nothing is watched yet"
    elif troubled:
        names = ", ".join(target["name"] for target in troubled)
        need = "needs" if len(troubled) == 1 else "need"
        verdict = f"{len(troubled)} of {len(targets)} targets {need} attention: {names}"
    elif any(target["state"] == "waiting" for target in targets):
        verdict = "Reading the targets for the first time"
    else:
        verdict = (
            f"All {len(targets)} targets are watched"
            if len(targets) > 1
            else f"{targets[0]['name']} is watched"
        )
    return verdict, bool(troubled)
