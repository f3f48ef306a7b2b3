"""The demo's Slack: the strict stand-in, with the channel to look at."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from observer.demo.parts.part import Sight, Stage
from observer.demo.parts.program import program
from observer.demo.servers.ports import free_port
from observer.demo.servers.process import end_of
from observer.demo.servers.server import answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.demo.servers import ServerProcess

TOKEN = "xoxb-demo"  # noqa: S105 - opens nothing but the stand-in
CHANNEL = "C0ALERTS"


class SlackPart:
    """``observer dev fake-slack`` with one channel."""

    key = "slack"
    title = "Slack (stand-in)"

    def __init__(self) -> None:
        self._port = 0
        self._process: ServerProcess | None = None

    @property
    def base_url(self) -> str:
        return f"{self.address()}/api/"

    def start(self, stage: Stage) -> None:
        stage.say("Slack: starting the stand-in")
        self._port = free_port()
        options = ("--port", str(self._port), "--token", TOKEN, "--channel", f"{CHANNEL}=alerts")
        self._process = program(
            stage,
            name=self.title,
            folder="slack",
            arguments=("-m", "observer", "dev", "fake-slack", *options),
            death_signal=signal.SIGTERM,
        )
        self._process.start()
        self._process.wait_until(lambda: answers(f"{self.address()}/"), seconds=30)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def ended(self) -> str | None:
        return None if self._process is None else end_of(self._process)

    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def sights(self) -> Sequence[Sight]:
        return [Sight(self.address(), "the channel: one message for each incident, evidence in its thread")]
