"""What is put under the tests: a version of a server, and the tests that it could break."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.matrix import debian, postgres

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SUITES = ("tests/integration", "tests/faults")
HERE = "tests/matrix"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One line of the table.

    Args:
        key: How the command line calls it.
        name: How the table calls it.
        tests: Files or folders.
        marks: Which of their tests, as ``pytest -m`` takes it; an empty text means all.
        postgres: The programs of PostgreSQL; the installed ones when there are none.
        programs: Other programs that stand in for the installed ones, by the name that is looked for.
        needs: What must be fetched before.
    """

    key: str
    name: str
    tests: tuple[str, ...] = SUITES
    marks: str = ""
    postgres: Path | None = None
    programs: Mapping[str, Path] = field(default_factory=dict)
    needs: frozenset[str] = frozenset({"debian"})


def variants(cache: Path) -> list[Variant]:
    """All of them; nothing is fetched or looked at."""
    system = debian.system_folder(cache)
    versions = dict(debian.packaged_versions(system)) if (system / "packages").exists() else {}
    bin_dir = debian.postgres_bin_dir(system)
    program = debian.programs(system)

    def upstream(package: str) -> str:
        return versions.get(package, "").partition("+")[0]

    def only(*names: str) -> dict[str, Path]:
        return {name: program[name] for name in names}

    found = [
        Variant(
            key=f"postgres-{one.major}",
            name=f"PostgreSQL {one.version.partition('-')[0].removesuffix('.0')}, no HypoPG",
            marks="postgres and not hypopg",
            postgres=postgres.bin_dir(one, cache),
            needs=frozenset({f"postgres-{one.major}"}),
        )
        for one in postgres.locked()
    ]
    return [
        *found,
        Variant(
            key="hypopg",
            name=f"PostgreSQL {upstream('postgresql-17')}, HypoPG {upstream('postgresql-17-hypopg')}",
            marks="postgres",
            postgres=bin_dir,
        ),
        Variant(
            key="pgbouncer",
            name=f"PgBouncer {upstream('pgbouncer')}",
            marks="pgbouncer",
            programs=only("pgbouncer"),
        ),
        Variant(
            key="redis",
            name=f"Redis {upstream('redis-server')}",
            marks="redis",
            programs=only("redis-server"),
        ),
        Variant(
            key="valkey",
            name=f"Valkey {upstream('valkey-server')}",
            marks="redis",
            programs={"redis-server": program["valkey-server"]},
        ),
        Variant(
            key="prometheus",
            name=f"Prometheus {upstream('prometheus')}",
            marks="prometheus",
            programs=only("prometheus", "promtool"),
        ),
        Variant(
            key="alertmanager",
            name=f"Alertmanager {upstream('prometheus-alertmanager')}",
            marks="alertmanager",
            programs=only("prometheus-alertmanager", "amtool"),
        ),
        Variant(
            key="advice",
            name="The same advice from both HypoPG",
            tests=(f"{HERE}/same_advice.py",),
            postgres=bin_dir,
        ),
        Variant(
            key="peers",
            name="The same series as the peers",
            tests=(f"{HERE}/peer_pages.py",),
            postgres=bin_dir,
            programs=program,
        ),
    ]
