"""``observer serve``: the service itself. Parsed with the standard library, to stay small in memory."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import signal
import sys
from typing import TYPE_CHECKING

import structlog
import uvicorn

import observer
from observer import logs
from observer.app.assembly import warnings
from observer.app.factory import create_app
from observer.cli.options import add_options, settings_from
from observer.cli.reload import Reload, listening

if TYPE_CHECKING:
    from collections.abc import Sequence

_M_ARENA_MAX, _M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -8, -3, -1
"""Parameters of mallopt(3)."""

GRACEFUL_SECONDS = 5
"""How long requests that are under way may take when the process is told to end."""


def run(arguments: Sequence[str]) -> int:
    """Serve until a signal ends it; SIGHUP has the settings read anew."""
    parser = argparse.ArgumentParser(
        prog="observer serve",
        description="Collect from PostgreSQL, PgBouncer, Redis and HikariCP, and serve metrics and pages.",
        epilog="Every setting can be given in the environment: OBSERVER__POSTGRES__0__PASSWORD_FILE=..."
        " SIGHUP has the settings read anew; faulty ones leave those in force that are.",
    )
    add_options(parser)
    settings = settings_from(parser.parse_args(arguments))
    _give_memory_back()
    logs.configure(style=settings.log.format, level=settings.log.level)
    app = create_app(settings)
    listener = listening(settings.listen)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            http="httptools",
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
            timeout_keep_alive=75,
            server_header=False,
        ),
    )
    # The server ends in good order at SIGTERM, then sends it to the process anew: that was no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    reload = Reload(
        arguments,
        listener=listener,
        place=settings.listen,
        settled=app.state.settled,
        end=lambda: setattr(server, "should_exit", True),
    )
    signal.signal(signal.SIGHUP, lambda *_: reload.ask())
    # What was loaded until now stays for ever; the collector need not walk it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    log = structlog.get_logger("observer")
    for sentence in warnings(settings):
        log.warning("settings.warning", sentence=sentence)
    log.info("serving", listen=settings.listen, version=observer.__version__)
    try:
        server.run(sockets=[listener])
    finally:
        log.info("ended")
    if reload.granted:
        reload.replace()
    return 0


def _give_memory_back() -> None:
    """Have glibc return the memory of pages to the system; by itself it keeps what was large once."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in (
            (_M_ARENA_MAX, 1),
            (_M_TRIM_THRESHOLD, 1 << 17),
            (_M_MMAP_THRESHOLD, 1 << 17),
        ):
            mallopt(parameter, value)
