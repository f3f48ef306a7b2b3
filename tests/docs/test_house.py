"""The order of the rooms: imports go down only, and in no circle."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).resolve().parents[2] / "observer"

ORDER: tuple[frozenset[str], ...] = tuple(
    frozenset(rooms.split())
    for rooms in (
        "__main__",
        "cli",
        "demo",
        "app",
        "jobs",
        "reports",
        "incidents",
        "slack",
        "advisor",
        "generator",
        "exporter",
        "targets",
        "store",
        "config",
        "metrics errors deadlines redact clock logs resources __init__",
    )
)
"""From the top. A room may be missing; one that is not named here has no place yet."""

RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}

MODULES = {
    ".".join(("observer", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def room_of(module: str) -> str:
    """``observer.exporter.worker`` is in ``exporter``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imported(tree: ast.AST, module: str) -> Iterator[tuple[int, str]]:
    """Line and name of every module of Observer that is imported, also late and by name."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} imports relatively"
            names = [
                full if (full := f"{node.module}.{alias.name}") in MODULES else str(node.module)
                for alias in node.names
            ]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [str(node.args[0].value)] if isinstance(node.args[0], ast.Constant) else []
        for name in names:
            if name.partition(".")[0] == "observer":
                yield node.lineno, name


def upward(source: str, module: str) -> list[str]:
    """The imports of a module that lead to a higher room."""
    here = RANK[room_of(module)]
    return [
        f"{module}:{line} imports {name}"
        for line, name in imported(ast.parse(source), module)
        if RANK.get(room_of(name), -1) < here
    ]


def test_every_room_has_a_place() -> None:
    """A new room is put into the order before anything is built on it."""
    assert {room_of(module) for module in MODULES} <= set(RANK)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    """No module imports from a room above its own, not even late or for its types."""
    assert upward(MODULES[module].read_text(encoding="utf-8"), module) == []


def test_an_upward_import_is_seen() -> None:
    """The walk finds imports of every form."""
    for source in (
        "import observer.app.factory",
        "from observer.app.factory import create_app",
        "from observer import app",
        "def late():\n    from observer.app import factory",
        "if TYPE_CHECKING:\n    from observer.app import factory",
        "importlib.import_module('observer.app.factory')",
    ):
        assert upward(source, "observer.exporter.worker"), source
    assert not upward("from observer.errors import ObserverError", "observer.exporter.worker")


def test_no_circles() -> None:
    """Modules that need each other to be imported are one module."""
    needs = {
        module: {
            name
            for _, name in imported(_when_imported(ast.parse(path.read_text(encoding="utf-8"))), module)
            if name != module
        }
        for module, path in MODULES.items()
    }
    done: set[str] = set()
    while True:
        ready = {module for module, needed in needs.items() if module not in done and needed <= done}
        if not ready:
            break
        done |= ready
    assert set(needs) - done == set()


def _when_imported(tree: ast.Module) -> ast.Module:
    """What runs when the module is imported: no bodies of functions, nothing for types alone."""

    class Late(ast.NodeTransformer):
        def visit_FunctionDef(self, _: ast.FunctionDef) -> None:
            return None

        def visit_AsyncFunctionDef(self, _: ast.AsyncFunctionDef) -> None:
            return None

        def visit_If(self, node: ast.If) -> ast.AST | None:
            return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)

    return Late().visit(tree)
