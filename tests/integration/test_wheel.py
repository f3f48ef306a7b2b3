"""The wheel: what it carries, and that it works where it is installed."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment with the wheel, and with the dependencies of this one."""
    folder = tmp_path_factory.mktemp("installation")
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    [site_packages] = (folder / "lib").glob("python*/site-packages")
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    # Comes after the environment's own folder, so what the wheel brought is what is imported.
    own = sysconfig.get_paths()
    paths = dict.fromkeys((own["purelib"], own["platlib"]))
    (site_packages / "dependencies.pth").write_text("\n".join(paths) + "\n", encoding="utf-8")
    return folder / "bin"


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of the installation, away from the checkout and deaf to its environment."""
    return subprocess.run(
        [str(installed / arguments[0]), *arguments[1:]],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


def below(*folders: str) -> set[str]:
    """The files of the checkout's folders that are no Python's leavings."""
    return {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_carries_every_file_of_the_package(wheel: Path) -> None:
    """Queries, tables of names, templates of pages and the marker of types are there with the modules."""
    carried = set(zipfile.ZipFile(wheel).namelist())
    wanted = below("observer")
    for ending in (".py", ".sql", ".yaml", ".html", "py.typed"):
        assert any(name.endswith(ending) for name in wanted), ending
    assert wanted <= carried


def test_the_wheel_carries_the_templates(wheel: Path) -> None:
    """Rules and dashboards stand inside the package, with what they yield."""
    carried = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"observer/data/{name}" for name in below("rules", "dashboards")}
    assert any(name.endswith("alerts/postgres-down.yaml") for name in wanted)
    assert wanted <= carried


def test_the_wheel_carries_nothing_else(wheel: Path) -> None:
    """Tests, benchmarks and documents stay where they are."""
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"observer"}


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    """Its metadata has the licence's text, the README and the command."""
    archive = zipfile.ZipFile(wheel)
    names = {name.partition("/")[2]: name for name in archive.namelist() if ".dist-info/" in name}
    metadata = archive.read(names["METADATA"]).decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert (ROOT / "README.md").read_text(encoding="utf-8") in metadata
    assert names["licenses/LICENSE"]
    assert b"observer = observer.cli:main" in archive.read(names["entry_points.txt"])


def test_an_installation_is_not_the_checkout(installed: Path, tmp_path: Path) -> None:
    """What these tests call is what the wheel brought."""
    where = run(installed, tmp_path, "python", "-c", "import observer; print(observer.__file__)").stdout
    assert Path(where.strip()).is_relative_to(installed.parent)


def test_an_installation_generates_the_rules(installed: Path, tmp_path: Path) -> None:
    """``observer generate rules --out DIR`` yields, without a checkout, the files that are committed."""
    run(installed, tmp_path, "observer", "generate", "rules", "--out", "out")
    made = {
        str(path.relative_to(tmp_path / "out")): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert "prometheus/rules/postgres.yml" in made
    assert made == {name: (ROOT / "rules" / "generated" / name).read_bytes() for name in made}


def test_an_installation_checks_settings(installed: Path, tmp_path: Path) -> None:
    """The serving side finds its collectors' files in an installation too."""
    address = "postgresql://observer@127.0.0.1/app"
    told = run(installed, tmp_path, "observer", "check", "--postgres", address, "--redis", "redis://h/0")
    assert "postgres   postgres: observer@127.0.0.1:5432/app" in told.stdout


def test_an_installation_prints_the_role(installed: Path, tmp_path: Path) -> None:
    """The script for the role comes out of an installation."""
    assert "GRANT pg_monitor TO" in run(installed, tmp_path, "observer", "sql", "role").stdout
