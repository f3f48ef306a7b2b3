"""The servers and the broken networks of the integration tests."""

from tests.integration.conftest import (
    black_hole,
    pgbouncer,
    postgres,
    postgres_bin_dir,
    private_postgres,
    private_redis,
    redis_server,
    server_directory,
    server_root,
    tcp_proxy,
)

__all__ = [
    "black_hole",
    "pgbouncer",
    "postgres",
    "postgres_bin_dir",
    "private_postgres",
    "private_redis",
    "redis_server",
    "server_directory",
    "server_root",
    "tcp_proxy",
]
