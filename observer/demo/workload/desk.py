"""The fault desk as HTTP: inside the Python service, or on a port of its own beside the one in Java."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observer.demo.workload.faults import FaultDesk

URI = "/demo/fault"


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request gets.

    Attributes:
        status: HTTP status.

        body: JSON unless ``content_type`` says otherwise.

        uri: The route's template, as the label ``uri`` has it.

        error: Class name of what went wrong, as the labels ``error`` and ``exception`` have it.
    """

    status: int
    body: str
    uri: str
    error: str = "none"
    content_type: str = "application/json"


def start_fault(faults: FaultDesk, query: Mapping[str, str]) -> Reply:
    """Start the fault that a request names."""
    try:
        said = faults.start(query.get("kind", ""), seconds=float(query.get("seconds", "30")))
    except ValueError as error:
        return Reply(400, json.dumps({"error": str(error)}), URI, "IllegalArgumentException")
    return Reply(202, json.dumps({"started": said}), URI)


class Desk:
    """Nothing but the desk, for a service that passes such requests on."""

    def __init__(self, faults: FaultDesk) -> None:
        self._faults = faults

    def handle(self, method: str, target: str) -> Reply:
        """Answer one request; never raises."""
        parts = urlsplit(target)
        if (method, parts.path) == ("POST", URI):
            return start_fault(self._faults, dict(parse_qsl(parts.query)))
        if (method, parts.path) == ("GET", "/actuator/health"):
            return Reply(200, '{"status":"UP"}', parts.path)
        return Reply(404, '{"error":"no such route"}', "/**")
