"""Prometheus with a short memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import yaml

from observer.demo.servers.account import make_directory, ordinary_account, write_file
from observer.demo.servers.ports import free_port
from observer.demo.servers.process import ServerFailed, find_program
from observer.demo.servers.server import Server, answers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from observer.demo.servers.account import Account


class PrometheusServer(Server):
    """A Prometheus server. Make one with `create`."""

    name: ClassVar[str] = "Prometheus"

    def __init__(
        self, *, directory: Path, port: int, account: Account | None, config: Path, flags: Sequence[str]
    ) -> None:
        super().__init__(directory=directory, port=port, account=account)
        self.config = config
        self.flags = tuple(flags)

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        config: Path | Mapping[str, Any],
        flags: Sequence[str] = (),
        port: int | None = None,
    ) -> PrometheusServer:
        """Prepare it in ``directory``; it is not started.

        Args:
            directory: Created when missing; its parent must be open to `ordinary_account`.

            config: A prometheus.yml that `ordinary_account` can read, or its content.

            flags: Further command line flags.

            port: A free one when not given.
        """
        account = ordinary_account()
        make_directory(directory, account)
        file = config if isinstance(config, Path) else directory / "prometheus.yml"
        server = cls(
            directory=directory,
            port=free_port() if port is None else port,
            account=account,
            config=file,
            flags=flags,
        )
        if not isinstance(config, Path):
            server.write_config(config)
        return server

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def arguments(self) -> tuple[str, ...]:
        return (
            find_program("prometheus", package="prometheus"),
            f"--config.file={self.config}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            "--storage.tsdb.retention.time=2h",
            f"--web.listen-address={self.host}:{self.port}",
            "--web.enable-lifecycle",
            "--log.level=warn",
            *self.flags,
        )

    def ready(self) -> bool:
        return answers(f"{self.url}/-/ready")

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replace the configuration file; `reload` makes it count."""
        write_file(self.config, yaml.safe_dump(dict(config), sort_keys=False), self.account)

    def reload(self) -> None:
        """Read the configuration and the rule files anew.

        Raises:
            ServerFailed: Prometheus refused them, with its reason.
        """
        answer = httpx.post(f"{self.url}/-/reload", timeout=30, trust_env=False)
        if not answer.is_success:
            raise ServerFailed(f"{self.name} refuses its configuration: {answer.text.strip()}")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query, as Prometheus's API shapes it."""
        answer = httpx.get(
            f"{self.url}/api/v1/query", params={"query": expression}, timeout=30, trust_env=False
        )
        body = answer.json()
        if body["status"] != "success":
            raise ServerFailed(f"{self.name} refuses the query {expression}: {body['error']}")
        result: list[dict[str, Any]] = body["data"]["result"]
        return result
