"""Narrow ways to a Redis: a user with few rights, TLS with certificates, a socket, renamed commands."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import redis

from observer.demo.servers import RedisServer
from observer.demo.servers.account import hand_over, ordinary_account
from observer.demo.servers.ports import free_port
from tests.collecting import Collecting
from tests.serving import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECRET = "ein-passwort"

DEFAULT = "user default on nopass sanitize-payload ~* &* +@all"


def watching(server: RedisServer, **target: Any) -> Collecting:
    """One target, ``cache``."""
    return Collecting({"redis": [{"name": "cache", "url": server.url, **target}]})


def documented() -> tuple[str, Mapping[str, str]]:
    """The line of the least user in the documents, and what else is for what."""
    text = (ROOT / "docs" / "redis.md").read_text(encoding="utf-8")
    line = re.search(r"^user observer .*$", text, re.MULTILINE)
    rows = re.findall(r"^\| (.+?) \| (.*?) \|$", text.replace(r"\|", "|"), re.MULTILINE)
    assert line is not None
    return line[0].replace("PASSWORD", SECRET), {
        head: " ".join(re.findall("`(.*?)`", body)) for head, body in rows
    }


def with_user(server: RedisServer) -> dict[str, str]:
    return {"url": f"redis://observer@{server.host}:{server.port}/0", "password": SECRET}


def test_the_documented_user_needs_nothing_else(server_directory: Path) -> None:
    """With the line of the documents every collector succeeds, and no key can be read."""
    line, _ = documented()
    with RedisServer.create(server_directory / "acl", users=(DEFAULT, line)) as server:
        with watching(server, **with_user(server)) as observer:
            seen = observer.collect("cache")
            assert seen.faults == {}
            assert {
                "redis_config_io_threads",
                "redis_slowlog_length",
                "redis_commands_latencies_usec_count",
                "redis_memory_used_bytes",
            } <= seen.page.names
            # Nothing was refused to it in passing, either.
            assert observer.collect("cache").page.sum("redis_errors_total", err="NOPERM") == 0
        with server.connect() as client:
            client.set("secret", "1")
            assert client.execute_command("ACL", "DRYRUN", "observer", "GET", "secret") != "OK"


def test_the_documented_rights_for_keys(server_directory: Path) -> None:
    """What the documents add for groups, streams, single keys and clients is enough for them."""
    line, more = documented()
    wanted = [
        rights
        for head, rights in more.items()
        if head.startswith(("a database other", "`clients", "`keys.")) and "sentinel" not in head
    ]
    assert len(wanted) == 5
    rights = " ".join(word for word in " ".join(wanted).split() if word != "%R~")
    with RedisServer.create(server_directory / "acl", users=(DEFAULT, f"{line} {rights}")) as server:
        with server.connect() as client:
            client.set("a:1", "1")
            client.xadd("orders", {"a": "1"})
            client.xgroup_create("orders", "mail", "0")
            client.select(1)
            client.set("other", "2")
            client.select(0)
        keys = {
            "groups": {"a": "a:*", "other": "db1=*"},
            "streams": ["orders"],
            "watch": ["a:1", "db1=other"],
        }
        with watching(server, clients=True, keys=keys, **with_user(server)) as observer:
            seen = observer.collect("cache")
            assert seen.faults == {}
            page = seen.page
            assert page.value("redis_key_group_count", db="db0", key_group="a") == 1
            assert page.value("redis_key_group_count", db="db1", key_group="other") == 1
            assert page.value("redis_key_value", db="db1", key="other") == 2
            assert page.value("redis_stream_group_lag", stream="orders", group="mail") == 1
            assert page.sum("redis_clients_connections", client_name="observer", user="observer") == 1
            assert observer.collect("cache").page.sum("redis_errors_total", err="NOPERM") == 0


def test_what_is_refused_costs_only_its_own_metrics(server_directory: Path) -> None:
    """Each right that is missing is named; INFO goes on, and tells the settings that CONFIG would."""
    user = f"user observer on >{SECRET} -@all +info"
    with (
        RedisServer.create(server_directory / "acl", users=(DEFAULT, user)) as server,
        watching(server, **with_user(server)) as observer,
    ):
        seen = observer.collect("cache")
        assert seen.page.value("redis_up") == 1
        assert seen.page.value("redis_config_maxmemory") == 64 * 1024**2
        assert seen.page.value("redis_config_repl_backlog_size") >= 1024**2
        assert "redis_config_io_threads" not in seen.page.names
        remedies = {name: fault.remedy.rpartition(" ")[2] for name, fault in seen.faults.items()}
        assert remedies == {
            "config": "+config|get",
            "latency": "+latency|latest",
            "latency_histogram": "+latency|histogram",
            "slowlog": "+slowlog|len",
        }
        assert {fault.code for fault in seen.faults.values()} == {"permission"}
        with server.connect() as client:
            for right in (*remedies.values(), "+slowlog|get"):
                client.execute_command("ACL", "SETUSER", "observer", right)
        assert observer.collect("cache").faults == {}


def test_without_info_the_rest_stands(server_directory: Path) -> None:
    """Even INFO costs only what it tells."""
    user = f"user observer on >{SECRET} -@all +config|get +slowlog +latency"
    with (
        RedisServer.create(server_directory / "acl", users=(DEFAULT, user)) as server,
        watching(server, **with_user(server)) as observer,
    ):
        seen = observer.collect("cache")
        assert seen.page.value("redis_up") == 1
        assert seen.page.value("redis_config_maxmemory") == 64 * 1024**2
        assert "redis_memory_used_bytes" not in seen.page.names
        assert {name: fault.remedy.rpartition(" ")[2] for name, fault in seen.faults.items()} == {
            "info": "+info"
        }


def test_renamed_and_removed_commands(server_directory: Path) -> None:
    """A new name is told in the settings; a command that is gone is a fault, or its collector is left out."""
    lines = ("rename-command CONFIG geheim", 'rename-command SLOWLOG ""')
    with RedisServer.create(server_directory / "renamed", lines=lines) as server:
        with watching(server) as observer:
            seen = observer.collect("cache")
            assert {name: fault.code for name, fault in seen.faults.items()} == {
                "config": "not-available",
                "slowlog": "not-available",
            }
            assert "renamed" in seen.faults["config"].remedy
            assert seen.page.value("redis_config_maxmemory") == 64 * 1024**2
        with watching(server, renamed={"CONFIG": "geheim"}, without=["slowlog"]) as observer:
            seen = observer.collect("cache")
            assert seen.faults == {}
            assert seen.page.value("redis_config_io_threads") == 1
            assert "redis_slowlog_length" not in seen.page.names


@dataclass(frozen=True)
class Certificates:
    """An authority, a certificate of the server for 127.0.0.1, and one of ours."""

    directory: Path

    def __getitem__(self, name: str) -> str:
        return str(self.directory / name)


@pytest.fixture(scope="module")
def certificates(server_root: Path) -> Certificates:
    directory = server_root / "certificates"
    directory.mkdir()
    account = ordinary_account()
    hand_over(directory, account)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True, timeout=60)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "2"
    )
    for name, usage in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
        openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (directory / f"{name}.ext").write_text(usage)
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext"),
        )
    openssl(
        "req", "-x509", *curve, "-keyout", "x.key", "-out", "stranger.pem", "-subj", "/CN=other", "-days", "2"
    )
    for file in directory.iterdir():
        hand_over(file, account)
    return Certificates(directory)


def test_tls_with_certificates_of_both_sides(server_directory: Path, certificates: Certificates) -> None:
    """The server is checked against ca_file and sees our certificate; without either it is told why not."""
    port = free_port()
    settings = {
        "tls-port": str(port),
        "tls-cert-file": certificates["server.pem"],
        "tls-key-file": certificates["server.key"],
        "tls-ca-cert-file": certificates["ca.pem"],
        "tls-auth-clients": "yes",
    }
    ours = {"cert_file": certificates["client.pem"], "key_file": certificates["client.key"]}
    url, authority = f"rediss://127.0.0.1:{port}/0", certificates["ca.pem"]
    with RedisServer.create(server_directory / "tls", settings=settings) as server:
        targets = [
            {"name": "good", "url": url, "ca_file": authority, **ours},
            {"name": "stranger", "url": url, "ca_file": certificates["stranger.pem"], **ours},
            {"name": "nameless", "url": f"rediss://localhost:{port}/0", "ca_file": authority, **ours},
            {"name": "nobody", "url": url, "ca_file": authority},
            {"name": "plain", "url": server.url},
        ]
        with Collecting({"redis": targets}) as observer:
            for name in ("good", "plain"):
                seen = observer.collect(name)
                assert (seen.page.value("redis_up"), seen.faults) == (1, {})
            for name in ("stranger", "nameless", "nobody"):
                seen = observer.collect(name)
                assert seen.page.value("redis_up") == 0
                assert seen.faults[""].code == "unreachable", seen.faults
                assert "ca_file" in seen.faults[""].remedy, seen.faults


def test_a_socket(server_directory: Path) -> None:
    """A path instead of a host, and the database as an option."""
    path = server_directory / "redis.sock"
    settings = {"unixsocket": str(path), "unixsocketperm": "700"}
    with RedisServer.create(server_directory / "socket", settings=settings) as server:
        with server.connect() as client:
            client.select(2)
            client.set("here", "7")
        with watching(server, url=f"unix://{path}?db=2", keys={"watch": ["here"]}) as observer:
            assert observer.collect("cache").page.value("redis_key_value", db="db2", key="here") == 7


def test_a_server_that_serves_nobody_is_down(private_redis: RedisServer) -> None:
    """While a script does not end every command is refused; that it is so is told, with what ends it."""
    with watching(private_redis) as observer, private_redis.connect() as client:
        assert observer.collect("cache").reading.up
        client.config_set("busy-reply-threshold", 1)
        with private_redis.connect() as looping:
            looping.connection_pool.connection_kwargs["socket_timeout"] = 0.1
            with pytest.raises(redis.TimeoutError):
                looping.eval("while true do end", 0)
        seen = observer.until("cache", lambda seen: not seen.reading.up, "it is down")
        assert seen.page.value("redis_up") == 0
        assert "SCRIPT KILL" in seen.faults[""].remedy
        client.script_kill()
        seen = observer.until("cache", lambda seen: seen.reading.up, "it is up")
        assert seen.faults == {}
