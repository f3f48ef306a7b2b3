"""The way of an alert as a program of its own, to be killed: router, store and sender under uvicorn."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from observer.app.alerts import alerts_router
from observer.incidents.service import Incidents
from observer.incidents.settings import IncidentSettings
from observer.store.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def main(file: str, base_url: str, port: str, *alertmanagers: str) -> None:
    store = Store(Path(file))
    settings = IncidentSettings(
        slack_token=lambda: "xoxb-fake",
        channel="C0ALERTS",
        base_url=base_url,
        request_seconds=2.0,
        alertmanagers=alertmanagers,
        keeper_seconds=1.0,
    )
    incidents = Incidents(store=store, settings=settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        incidents.start()
        yield
        incidents.stop()
        store.close()

    app = FastAPI(lifespan=lifespan)
    app.include_router(alerts_router(incidents=incidents))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", timeout_graceful_shutdown=5)


if __name__ == "__main__":
    main(*sys.argv[1:])
