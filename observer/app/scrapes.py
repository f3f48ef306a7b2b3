"""The routes that Prometheus scrapes: ``/metrics``, ``/metrics/{target}`` and ``/probe?target=NAME``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.background import BackgroundTask

from observer.app.errors import error_response
from observer.exporter.exporter import UnknownTarget
from observer.exporter.exposition import CONTENT_TYPE

if TYPE_CHECKING:
    from observer.exporter.exporter import Exporter, Selection
    from observer.metrics import Metrics

TIMEOUT_HEADER = "x-prometheus-scrape-timeout-seconds"

OFFSET = 0.5
"""Seconds kept back of a scraper's time-out, for the way there and back."""

LEAST_TO_COMPRESS = 1024
"""Bytes below which a page is sent plain."""


def scrape_routes(exporter: Exporter, metrics: Metrics, *, budget: float) -> APIRouter:
    """The routes.

    Args:
        exporter: What makes the pages.
        metrics: Scrapes are counted there.
        budget: Seconds that a scrape may wait which says nothing of its time-out.
    """
    router = APIRouter()

    async def answer(request: Request, selection: Selection) -> Response:
        began = time.perf_counter()
        scraper = _scraper(request)
        try:
            made = await exporter.scrape(selection, scraper=scraper, budget=_budget(request, budget))
        except UnknownTarget as error:
            return error_response(404, error.sentence, [error.remedy])
        compressed = len(made.body) >= LEAST_TO_COMPRESS and _takes_gzip(request)
        headers = {"content-type": CONTENT_TYPE, "vary": "accept-encoding"}
        if compressed:
            headers["content-encoding"] = "gzip"
        page = "all" if selection is None else selection
        metrics.scrapes.labels(page).inc()
        metrics.scrape_seconds.labels(page).observe(time.perf_counter() - began)
        return Response(
            made.gzip if compressed else made.body,
            headers=headers,
            background=BackgroundTask(exporter.delivered, scraper, made),
        )

    @router.get("/metrics")
    async def metrics_of_all(request: Request) -> Response:
        return await answer(request, None)

    @router.get("/metrics/{target}")
    async def metrics_of_one(request: Request, target: str) -> Response:
        return await answer(request, target)

    @router.get("/probe")
    async def probe(request: Request, target: str = "") -> Response:
        if not target:
            return error_response(400, "give a configured target", ["As in /probe?target=NAME."])
        return await answer(request, target)

    return router


def _scraper(request: Request) -> str:
    """Who scrapes what: two servers, or two jobs of one, have rhythms of their own."""
    host = request.client.host if request.client else ""
    return f"{host} {request.headers.get('user-agent', '')[:80]} {request.url.path}?{request.url.query[:80]}"


def _budget(request: Request, default: float) -> float:
    try:
        timeout = float(request.headers.get(TIMEOUT_HEADER, ""))
    except ValueError:
        return default
    return max(0.1, min(timeout - OFFSET, 60.0))


def _takes_gzip(request: Request) -> bool:
    for coding in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, quality = coding.strip().partition(";")
        if name == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
