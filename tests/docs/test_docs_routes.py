"""The routes in the documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from observer.app.factory import create_app
from observer.config.model import Settings
from tests.docs.markdown import headings, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def routes_of(router: Any) -> Iterator[Route]:
    """All routes, those of included routers among them, also such as are hidden from a schema."""
    for route in router.routes:
        if isinstance(route, Route):
            yield route
        else:
            yield from routes_of(route.original_router)


def test_every_route_is_documented() -> None:
    """Each route has a heading of its own in docs/http.md, and each heading of that form is a route."""
    described = {
        (match[1], match[2])
        for words in headings(text_of("docs/http.md"))
        if (match := re.fullmatch(r"`([A-Z]+) (/\S*)`", words))
    }
    # Alerts are taken where there is somebody to be told of them.
    settings = Settings.model_validate({"slack": {"token": "xoxb-test", "channel": "C0ALERTS"}})
    served = {
        (method, route.path)
        for route in routes_of(create_app(settings))
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert served == described


def test_every_key_of_the_status_is_documented() -> None:
    """Each key of /status.json for a target stands in its table."""
    from observer.app.assembly import build_exporter
    from observer.app.status import status
    from observer.clock import SystemClock
    from observer.metrics import Metrics

    settings = Settings.model_validate({"redis": [{"url": "redis://127.0.0.1/0"}]})
    state = status(build_exporter(settings, Metrics.make()), SystemClock())
    text = text_of("docs/http.md")
    assert not [
        key for key in (*state, *state["targets"][0]) if f"`{key}" not in text and f".{key}" not in text
    ]
