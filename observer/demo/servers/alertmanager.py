"""Alertmanager on its own, without a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import yaml

from observer.demo.servers.account import make_directory, ordinary_account, write_file
from observer.demo.servers.ports import free_port
from observer.demo.servers.process import ServerFailed, find_program
from observer.demo.servers.server import Server, answers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from observer.demo.servers.account import Account


class AlertmanagerServer(Server):
    """An Alertmanager. Make one with `create`."""

    name: ClassVar[str] = "Alertmanager"

    def __init__(self, *, directory: Path, port: int, account: Account | None, flags: Sequence[str]) -> None:
        super().__init__(directory=directory, port=port, account=account)
        self.flags = tuple(flags)

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        config: Mapping[str, Any],
        flags: Sequence[str] = (),
        port: int | None = None,
    ) -> AlertmanagerServer:
        """Write its configuration into ``directory``; it is not started.

        Args:
            directory: Created when missing; its parent must be open to `ordinary_account`.

            config: The content of alertmanager.yml.

            flags: Further command line flags.

            port: A free one when not given.
        """
        account = ordinary_account()
        make_directory(directory, account)
        server = cls(
            directory=directory, port=free_port() if port is None else port, account=account, flags=flags
        )
        server.write_config(config)
        return server

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def config(self) -> Path:
        return self.directory / "alertmanager.yml"

    def arguments(self) -> tuple[str, ...]:
        return (
            find_program("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager"),
            f"--config.file={self.config}",
            f"--storage.path={self.directory / 'data'}",
            "--data.retention=2h",
            f"--web.listen-address={self.host}:{self.port}",
            "--cluster.listen-address=",
            "--log.level=warn",
            *self.flags,
        )

    def ready(self) -> bool:
        return answers(f"{self.url}/-/ready")

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replace the configuration file; `reload` makes it count."""
        write_file(self.config, yaml.safe_dump(dict(config), sort_keys=False), self.account)

    def reload(self) -> None:
        """Read the configuration anew.

        Raises:
            ServerFailed: Alertmanager refused it, with its reason.
        """
        answer = httpx.post(f"{self.url}/-/reload", timeout=30, trust_env=False)
        if not answer.is_success:
            raise ServerFailed(f"{self.name} refuses its configuration: {answer.text.strip()}")
