"""A small Redis Cluster: a few masters that share the slots."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from observer.demo.servers.account import make_directory, ordinary_account
from observer.demo.servers.ports import free_port
from observer.demo.servers.process import ServerFailed
from observer.demo.servers.redis import RedisServer

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

SLOTS = 16384


class RedisCluster:
    """Masters that know each other; a context manager that starts and stops them.

    Args:
        directory: Of all nodes; its parent must be open to `ordinary_account`.
        nodes: How many; at least three for a cluster that outlives one.
        password: Of the default user.
    """

    def __init__(self, directory: Path, *, nodes: int = 3, password: str | None = None) -> None:
        make_directory(directory, ordinary_account())
        self._directory = directory
        self._password = password
        self._buses: dict[int, int] = {}
        self._stack = contextlib.ExitStack()
        self.nodes = [self.node(f"node-{index}") for index in range(nodes)]

    def node(self, name: str) -> RedisServer:
        """A server that can be a node, and is alone as yet; it is not started."""
        bus = free_port()
        settings = {
            "cluster-enabled": "yes",
            "cluster-port": str(bus),
            "cluster-node-timeout": "2000",
            "cluster-require-full-coverage": "no",
        }
        server = RedisServer.create(self._directory / name, password=self._password, settings=settings)
        self._buses[server.port] = bus
        return server

    def introduce(self, node: RedisServer, other: RedisServer) -> None:
        """Have a node meet another one."""
        with node.connect() as client:
            client.execute_command("CLUSTER", "MEET", other.host, other.port, self._buses[other.port])

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node)
            self._join()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _join(self, *, seconds: float = 30.0) -> None:
        """Share the slots out, introduce the nodes to each other, and wait until all agree.

        Raises:
            ServerFailed: They do not.
        """
        bounds = [SLOTS * index // len(self.nodes) for index in range(len(self.nodes) + 1)]
        for index, node in enumerate(self.nodes):
            with node.connect() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[index], bounds[index + 1] - 1)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
            for other in self.nodes[:index]:
                self.introduce(node, other)
        end = time.monotonic() + seconds
        while not all(map(self._agrees, self.nodes)):
            if time.monotonic() > end:
                raise ServerFailed(f"the cluster did not form within {seconds:g} seconds")
            time.sleep(0.05)

    def _agrees(self, node: RedisServer) -> bool:
        with node.connect() as client:
            told = client.execute_command("CLUSTER", "INFO")
        text = "\n".join(f"{k}:{v}" for k, v in told.items()) if isinstance(told, dict) else str(told)
        wanted = ("cluster_state:ok", f"cluster_slots_ok:{SLOTS}", f"cluster_known_nodes:{len(self.nodes)}")
        return all(word in text for word in wanted)
