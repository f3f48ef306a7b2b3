"""Real servers on free loopback ports, started and ended by their owner: for the demo and for the tests."""

from observer.demo.servers.account import Account, ordinary_account, private_directory
from observer.demo.servers.alertmanager import AlertmanagerServer
from observer.demo.servers.pgbouncer import PgBouncerServer
from observer.demo.servers.postgres import PostgresServer
from observer.demo.servers.process import ServerFailed, ServerProcess
from observer.demo.servers.prometheus import PrometheusServer
from observer.demo.servers.redis import RedisServer
from observer.demo.servers.redis_cluster import RedisCluster
from observer.demo.servers.spring import SpringServer

__all__ = [
    "Account",
    "AlertmanagerServer",
    "PgBouncerServer",
    "PostgresServer",
    "PrometheusServer",
    "RedisCluster",
    "RedisServer",
    "ServerFailed",
    "ServerProcess",
    "SpringServer",
    "ordinary_account",
    "private_directory",
]
