"""The demo's Alertmanager, which tells Observer of alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from observer.demo.parts.generated import generate
from observer.demo.parts.part import Sight, Stage
from observer.demo.servers import AlertmanagerServer
from observer.demo.servers.account import make_directory, write_file
from observer.demo.servers.process import end_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.demo.parts.credentials import Credentials


class AlertmanagerPart:
    """Alertmanager with the generated routes.

    Args:
        observer: Host and port of Observer, which need not be there yet.
        credentials: Hold the token that its webhooks bear.
    """

    key = "alertmanager"
    title = "Alertmanager"

    def __init__(self, *, observer: str, credentials: Credentials) -> None:
        self._observer = observer
        self._credentials = credentials
        self._server: AlertmanagerServer | None = None

    @property
    def server(self) -> AlertmanagerServer:
        assert self._server is not None  # noqa: S101 - parts are asked once they were started
        return self._server

    @property
    def host_and_port(self) -> str:
        return f"{self.server.host}:{self.server.port}"

    def start(self, stage: Stage) -> None:
        stage.say("Alertmanager: starting with generated routes")
        token = write_file(
            make_directory(stage.directory / "alertmanager-token", stage.account) / "webhook-token",
            f"{self._credentials.webhook}\n",
            stage.account,
        )
        generated = generate(
            ["alertmanager"],
            make_directory(stage.directory / "generated-routes", None),
            webhook_url=f"http://{self._observer}/api/v1/alerts",
            webhook_token_file=str(token),
        )
        [file] = generated.rglob("alertmanager.yml")
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        self._server = AlertmanagerServer.create(stage.directory / "alertmanager", config=config)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    def ended(self) -> str | None:
        return None if self._server is None else end_of(self._server.process)

    def address(self) -> str:
        return self.server.url

    def sights(self) -> Sequence[Sight]:
        return [Sight(self.address(), "the alerts that fire, and silences")]
