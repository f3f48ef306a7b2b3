"""Settings from a YAML file, the environment and options: one tree, checked once, every error in one go."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from observer.config.model import Settings
from observer.config.problems import Path, Problem, SettingsError, did_you_mean, dotted

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Collection, Mapping

PREFIX = "OBSERVER__"
"""Environment variables are named by path: ``OBSERVER__POSTGRES__0__DSN``."""


@dataclass(slots=True)
class _Tree:
    """Raw settings, and where each came from."""

    value: dict[str, Any] = field(default_factory=dict)
    origin: dict[Path, str] = field(default_factory=dict)

    def put(self, path: Path, value: object, origin: str) -> None:
        node: Any = self.value
        for step, following in itertools.pairwise(path):
            node = _child(node, step, [] if isinstance(following, int) else {})
        _child(node, path[-1], None)
        node[path[-1]] = value
        self.origin[path] = origin

    def where(self, path: Path) -> str:
        """The nearest known origin of a path: its own, of something in it, of what it is in."""
        for length in range(len(path), -1, -1):
            within = [known for known in self.origin if known[:length] == path[:length]]
            if within:
                return self.origin[min(within, key=len)]
        return "settings"


def load(
    *,
    file: pathlib.Path | None = None,
    environment: Mapping[str, str] | None = None,
    options: Mapping[Path, object] | None = None,
    collectors: Callable[[], Collection[str]] | None = None,
) -> Settings:
    """The settings; options come before the environment, and both before the file.

    Args:
        file: YAML.
        environment: Of the process.
        options: By path.
        collectors: Gives the names that ``postgres[].collectors`` may have; without it any will do.

    Raises:
        SettingsError: They cannot be used; it tells every problem with its place.
    """
    tree = _Tree()
    if file is not None:
        _read_file(file, tree)
    problems = _read_environment(environment or {}, tree)
    for path, value in (options or {}).items():
        problems += _put(tree, path, value, f"option --{path[0]}", "In the file it must be a list, as here.")
    try:
        settings = Settings.model_validate(tree.value)
    except ValidationError as error:
        problems += [_problem(tree, item) for item in error.errors(include_url=False, include_input=False)]
        raise SettingsError(problems) from None
    problems += _missing_files(settings, tree)
    problems += _unknown_collectors(settings, tree, collectors)
    if problems:
        raise SettingsError(problems)
    return settings


def _read_file(file: pathlib.Path, tree: _Tree) -> None:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError([Problem(str(file), "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise SettingsError([Problem(str(file), "", "is not UTF-8 text")]) from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark else str(file)
        what = str(getattr(error, "problem", None) or "cannot be parsed")
        # A password that begins with * or ! reads as an alias or a tag, and stands in the message.
        what, hidden = re.subn(r"\b(alias|anchor|tag) '.*'", r"\1", what, flags=re.DOTALL)
        remedy = "Put a value that begins with *, & or ! in quotes." if hidden else ""
        raise SettingsError([Problem(place, "", f"is not valid YAML: {what}", remedy)]) from None
    if value is None:
        return
    if not isinstance(value, dict):
        raise SettingsError(
            [Problem(str(file), "", "must be a mapping of settings, as in listen: 127.0.0.1:9188")]
        )
    tree.value = value
    _mark(node, (), str(file), tree.origin)


def _mark(node: yaml.Node | None, path: Path, file: str, origin: dict[Path, str]) -> None:
    """Note the line of every path below a node."""
    if node is None:
        return
    origin.setdefault(path, f"{file}:{node.start_mark.line + 1}")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            origin[(*path, key.value)] = f"{file}:{key.start_mark.line + 1}"
            _mark(value, (*path, key.value), file, origin)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _mark(value, (*path, index), file, origin)


def _read_environment(environment: Mapping[str, str], tree: _Tree) -> list[Problem]:
    problems: list[Problem] = []
    remedy = "Lists are numbered from 0 without gaps, as in OBSERVER__POSTGRES__0__DSN."
    found: list[tuple[Path, str]] = []
    for name in environment:
        if name.startswith(PREFIX):
            steps = name.removeprefix(PREFIX).lower().split("__")
            found.append((tuple(int(step) if step.isdecimal() else step for step in steps), name))
    # Numbers by their value: the tenth comes after the ninth.
    for path, name in sorted(found, key=lambda one: [(isinstance(s, str), s) for s in one[0]]):
        problems += _put(tree, path, environment[name], f"environment variable {name}", remedy)
    return problems


def _put(tree: _Tree, path: Path, value: object, origin: str, remedy: str) -> list[Problem]:
    """Put a setting into the tree; what is in the way of it is a problem."""
    try:
        tree.put(path, value, origin)
    except (TypeError, IndexError, ValueError, KeyError, AttributeError):
        return [Problem(origin, dotted(path), "does not fit the settings", remedy)]
    return []


def _child(node: Any, step: str | int, empty: object) -> Any:  # noqa: ANN401 - a tree of whatever was written
    if isinstance(step, int):
        if step == len(node):
            node.append(empty)
    elif step not in node or node[step] is None:
        node[step] = empty
    return node[step]


_SHAPES = {
    "tuple_type": "must be a list: write each entry on a line of its own that begins with -",
    "dict_type": "must be a mapping: write each entry as NAME: VALUE",
    "model_type": "must be a section: write its settings below it, one in a line, as NAME: VALUE",
    "string_type": "must be a text: put it in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
}
"""What a value is to look like, by pydantic's type of the error: its own sentences speak of Python."""


def _problem(tree: _Tree, error: Any) -> Problem:  # noqa: ANN401 - pydantic's error details
    path: Path = tuple(error["loc"])
    kind, message = error["type"], str(error["msg"])
    if kind == "extra_forbidden":
        known = _names_at(path[:-1])
        return Problem(tree.where(path), dotted(path), "is not a setting", did_you_mean(str(path[-1]), known))
    if kind == "missing":
        return Problem(tree.where(path), dotted(path), "is missing")
    if kind == "string_pattern_mismatch":
        message = "may have letters, digits and _.- only, and begins with a letter or digit"
    what = _SHAPES.get(kind, message.removeprefix("Value error, "))
    return Problem(tree.where(path), dotted(path), what[:1].lower() + what[1:])


def _names_at(path: Path) -> set[str]:
    """The settings that exist below a path."""
    model: Any = Settings
    for step in path:
        if isinstance(step, int):
            continue
        annotation = model.model_fields[step].annotation
        model = next((a for a in getattr(annotation, "__args__", ()) if _is_model(a)), annotation)
        if not _is_model(model):
            return set()
    return set(model.model_fields)


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _missing_files(settings: Settings, tree: _Tree) -> list[Problem]:
    """Secret files that are not there, or that cannot be read: better now than at the first connection."""
    problems = []
    for kind in ("postgres", "pgbouncer", "redis", "hikari"):
        for index, target in enumerate(getattr(settings, kind)):
            for name in type(target).model_fields:
                file = getattr(target, name) if name.endswith("_file") else None
                if file is None:
                    continue
                try:
                    file.read_text(encoding="utf-8")
                except (OSError, UnicodeDecodeError) as error:
                    path = (kind, index, name)
                    reason = getattr(error, "strerror", None) or "is not text"
                    problems.append(Problem(tree.where(path), dotted(path), f"cannot be read: {reason}"))
    return problems


def _unknown_collectors(
    settings: Settings, tree: _Tree, collectors: Callable[[], Collection[str]] | None
) -> list[Problem]:
    named = [(index, name) for index, target in enumerate(settings.postgres) for name in target.collectors]
    if collectors is None or not named:
        return []
    known = collectors()
    return [
        Problem(tree.where(path), dotted(path), "is not a collector", did_you_mean(name, known))
        for index, name in named
        if name not in known
        for path in [("postgres", index, "collectors", name)]
    ]
