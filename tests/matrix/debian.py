"""Servers and exporters of Debian 13, unpacked into a folder of their own and run with their own libraries.

Nothing is installed and nobody need be root: apt resolves and verifies with a state of its own, dpkg-deb
unpacks, and a line of shell before each program hands it to the loader of its own C library.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from observer.errors import NotAvailable
from tests.matrix.cache import command, filled

if TYPE_CHECKING:
    from pathlib import Path

SUITE = "trixie"
PACKAGES = (
    "postgresql-17",
    "postgresql-17-hypopg",
    "pgbouncer",
    "redis-server",
    "valkey-server",
    "prometheus",
    "prometheus-alertmanager",
    "prometheus-postgres-exporter",
    "prometheus-redis-exporter",
    "prometheus-pgbouncer-exporter",
)
PROGRAMS = (
    "usr/sbin/pgbouncer",
    "usr/bin/redis-server",
    "usr/bin/valkey-server",
    "usr/bin/prometheus",
    "usr/bin/promtool",
    "usr/bin/prometheus-alertmanager",
    "usr/bin/amtool",
    "usr/bin/prometheus-postgres-exporter",
    "usr/bin/prometheus-redis-exporter",
    "usr/bin/prometheus-pgbouncer-exporter",
)
_POSTGRES = "usr/lib/postgresql/17/bin"
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_ELF = b"\x7fELF"


def fetch(cache: Path) -> Path:
    """The root of the unpacked system; fetched when it is not there yet.

    Raises:
        NotAvailable: apt offers no Debian here, or a download fails.
    """
    return filled(system_folder(cache), " ".join((SUITE, *PACKAGES, *PROGRAMS)), _fill)


def system_folder(cache: Path) -> Path:
    """Where the unpacked system lies, or would."""
    return cache / SUITE


def programs(system: Path) -> dict[str, Path]:
    """What can be started, by name."""
    return {name.rpartition("/")[2]: system / name for name in PROGRAMS}


def postgres_bin_dir(system: Path) -> Path:
    """Where its PostgreSQL keeps its programs."""
    return system / _POSTGRES


def packaged_versions(system: Path) -> dict[str, str]:
    """Upstream's version of each package that was unpacked, by the package's name."""
    lines = (system / "packages").read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def _fill(system: Path) -> None:
    apt = system / "apt"
    for name in ("etc/preferences.d", "etc/apt.conf.d", "state/lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True)
    (apt / "state" / "status").touch()
    source, keyring = _mirror(), "/usr/share/keyrings/debian-archive-keyring.gpg"
    (apt / "etc" / "sources.list").write_text(
        f"deb [arch=amd64 signed-by={keyring}] {source} {SUITE} main\n", encoding="utf-8"
    )
    settings = apt / "apt.conf"
    settings.write_text(_SETTINGS.format(apt=apt), encoding="utf-8")
    alone = {"APT_CONFIG": str(settings), "DEBIAN_FRONTEND": "noninteractive"}
    command("apt-get", "-qq", "update", seconds=300, environment=alone)
    fetching = ("apt-get", "-qq", "--yes", "--no-install-recommends", "--download-only", "install", *PACKAGES)
    command(*fetching, seconds=900, environment=alone)
    archives = sorted((apt / "cache" / "archives").glob("*.deb"))
    versions = []
    for archive in archives:
        command("dpkg-deb", "--extract", archive, system, seconds=120)
        versions.append(
            command(
                "dpkg-deb",
                "--show",
                "--showformat=${Package} ${source:Upstream-Version}",
                archive,
                seconds=30,
            )
        )
        archive.unlink()
    (system / "packages").write_text("\n".join(versions) + "\n", encoding="utf-8")
    loader = system / _LIBRARIES / "ld-linux-x86-64.so.2"
    for program in (*(system / _POSTGRES).iterdir(), *programs(system).values()):
        _wrap(program, loader)


_SETTINGS = """\
Dir::Etc "{apt}/etc";
Dir::Etc::Parts "{apt}/etc/apt.conf.d";
Dir::Etc::SourceParts "/dev/null";
Dir::State "{apt}/state";
Dir::State::Status "{apt}/state/status";
Dir::Cache "{apt}/cache";
APT::Architecture "amd64";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
"""


def _mirror() -> str:
    """Where this machine takes Debian from, as apt is set up here."""
    told = command("apt-get", "indextargets", "--format", "$(ORIGIN)/$(LABEL) $(REPO_URI)", seconds=60)
    for line in told.splitlines():
        whose, _, address = line.partition(" ")
        if whose == "Debian/Debian":
            return address
    raise NotAvailable(
        "apt knows no mirror of Debian, where the servers of the matrix come from",
        remedy="Run apt-get update on Debian, and this again",
    )


def _wrap(program: Path, loader: Path) -> None:
    """Put the program aside, and in its place what starts it with its own C library.

    It must believe in its own name: PostgreSQL finds its files from there, Redis what it is to be.
    """
    content = program.resolve()
    if content.read_bytes()[:4] != _ELF:
        return
    aside = program.with_name(f".{program.name}.elf")
    program.rename(aside) if not program.is_symlink() else aside.write_bytes(content.read_bytes())
    program.unlink(missing_ok=True)
    aside.chmod(0o755)
    line = [str(loader), "--library-path", str(loader.parent)]
    program.write_text(
        f'#!/bin/sh\nexec {shlex.join(line)} --argv0 "$0" {shlex.quote(str(aside))} "$@"\n', "utf-8"
    )
    program.chmod(0o755)
