"""``observer healthcheck``: whether the Observer of these settings is well, as containers ask it."""

from __future__ import annotations

import argparse
import http.client
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from observer.cli.options import settings_from
from observer.config.model import TARGET_KINDS
from observer.config.units import host_and_port

if TYPE_CHECKING:
    from collections.abc import Sequence

_REACHED_AT = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what listens everywhere is asked here
_SHOWN = 300


def run(arguments: Sequence[str]) -> int:
    """0 when it answers that it is well, 1 when it does not."""
    parser = argparse.ArgumentParser(
        prog="observer healthcheck",
        description="Ask the Observer that runs with these settings whether it is well: exit 0, else 1.",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in YAML (OBSERVER_CONFIG)")
    parser.add_argument("--listen", metavar="HOST:PORT", help="where it serves; as in the settings")
    parser.add_argument("--timeout", type=float, default=3.0, metavar="SECONDS", help="3 by default")
    parser.set_defaults(**dict.fromkeys(TARGET_KINDS))
    given = parser.parse_args(arguments)
    host, port = host_and_port(settings_from(given).listen)
    fault = _fault(_REACHED_AT.get(host, host), port, timeout=given.timeout)
    if fault is None:
        return 0
    print(f"observer: {fault}", file=sys.stderr)
    return 1


def _fault(host: str, port: int, *, timeout: float) -> str | None:
    """What is wrong, or None. The standard library's client: a healthcheck is started anew every time."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        body = answer.read(_SHOWN).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return f"no answer from {host}:{port}: {reason}"
    finally:
        connection.close()
    return None if answer.status == http.client.OK else f"{host}:{port} answers {answer.status}: {body}"
