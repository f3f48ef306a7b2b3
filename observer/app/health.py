"""Whether the process does its work: liveness by watchdog, readiness, both deaf to targets that are down."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from observer.app.errors import error_response

if TYPE_CHECKING:
    from observer.exporter.exporter import Exporter
    from observer.metrics import Metrics

LAG_INTERVAL = 1.0


def health_routes(exporter: Exporter) -> APIRouter:
    """``/healthz`` and ``/readyz``, and the names that Prometheus' own servers have for them."""
    router = APIRouter()

    @router.get("/healthz")
    @router.get("/-/healthy")
    async def healthz() -> Response:
        wedged = exporter.wedged()
        if wedged:
            return error_response(
                503,
                f"collecting has not come back from: {', '.join(wedged)}",
                ["Restart the process; the orchestrator does so by itself."],
            )
        return Response("ok\n", media_type="text/plain")

    @router.get("/readyz")
    @router.get("/-/ready")
    async def readyz() -> Response:
        # A database that is down must not take the way of its own alerts down with it.
        return Response("ok\n", media_type="text/plain")

    return router


async def watch_loop(metrics: Metrics) -> None:
    """Measure by how much the event loop is late, for ever."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(LAG_INTERVAL)
        metrics.loop_lag.set(max(0.0, time.monotonic() - before - LAG_INTERVAL))
