"""The application: routes and lifecycle, wired from settings."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from fastapi import FastAPI

from observer.app import errors
from observer.app.alerts import alerts_router
from observer.app.assembly import build_exporter
from observer.app.health import health_routes, watch_loop
from observer.app.history import history_routes
from observer.app.overview import Overview
from observer.app.pages import page_routes
from observer.app.persistence import Persistence, Service, store_path
from observer.app.reports import report_routes
from observer.app.schedule import Schedule
from observer.app.scrapes import scrape_routes
from observer.app.telling import Telling, webhook_token
from observer.clock import SystemClock
from observer.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from observer.config.model import Settings
    from observer.store.store import Store


def create_app(settings: Settings) -> FastAPI:
    """The application for these settings; collecting begins when it is started.

    Its ``state.settled`` is to be told whether settings that were read later can be used.

    Raises:
        ConfigurationError: An address cannot be understood.
    """
    metrics = Metrics.make()
    clock = SystemClock()
    exporter = build_exporter(settings, metrics)
    metrics.config_successful.set(1)
    metrics.config_timestamp.set(clock.now())
    schedule = Schedule(settings, metrics, clock)
    slack = settings.slack
    telling = Telling(settings, slack, metrics.registry) if slack is not None and slack.enabled else None
    services: list[Callable[[Store], Service]] = [schedule.start]
    if telling is not None:
        # Alerts come first: whatever else lives on the store must not keep them waiting.
        services.insert(0, telling.start)
    persistence = Persistence(store_path(settings.store.path), services)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        exporter.start()
        persistence.start()
        lag = asyncio.create_task(watch_loop(metrics))
        try:
            yield
        finally:
            lag.cancel()
            await asyncio.to_thread(persistence.stop)
            await asyncio.to_thread(exporter.stop)

    app = FastAPI(title="Observer", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.settled = metrics.config_successful.set
    errors.install(app)
    app.include_router(scrape_routes(exporter, metrics, budget=settings.scrape.budget))
    app.include_router(health_routes(exporter))
    app.include_router(
        page_routes(
            exporter,
            clock,
            Overview(
                schedule=schedule,
                persistence=persistence,
                telling=telling,
                clock=clock,
                bound=settings.store.size,
            ).document,
        ),
    )
    app.include_router(report_routes(persistence, clock))
    app.include_router(history_routes(settings.prometheus))
    if telling is not None:
        app.include_router(
            alerts_router(incidents=telling, bearer=webhook_token(settings), recorder=telling.recorder),
        )
    return app
