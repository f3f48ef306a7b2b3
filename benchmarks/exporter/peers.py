"""The peers' programs: Debian 13's where the test matrix has fetched them, else those that are installed."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from observer.demo.servers.process import find_program
from observer.errors import NotAvailable
from tests.matrix import debian
from tests.matrix.cache import cache_folder, is_filled

POSTGRES = "prometheus-postgres-exporter"
REDIS = "prometheus-redis-exporter"
_VERSION = re.compile(r"(?:version|Exporter) v?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Peer:
    """An exporter of somebody else's."""

    program: str
    version: tuple[int, int]

    @property
    def shown(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))


def find_peer(package: str) -> Peer:
    """The newest of an exporter that this machine has.

    Raises:
        NotAvailable: It has none.
    """
    system = debian.system_folder(cache_folder())
    if is_filled(system):
        program = str(debian.programs(system)[package])
    else:
        try:
            program = find_program(package, package=package)
        except NotAvailable:
            raise NotAvailable(
                f"{package} is not there; Observer is compared with it, and nothing else needs it",
                remedy="Fetch Debian 13's: make test-matrix ARGS=--fetch. Or install this Debian's:"
                f" apt-get install --no-install-recommends {POSTGRES} {REDIS}",
            ) from None
    told = subprocess.run(
        [program, "-version" if package == REDIS else "--version"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    found = _VERSION.search(told.stdout + told.stderr)
    if found is None:
        raise NotAvailable(f"{program} does not tell its version")
    return Peer(program, (int(found[1]), int(found[2])))
