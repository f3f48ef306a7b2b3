"""Writes the parts of these documents that the code knows best, between their markers.

``python -m docs.generate`` from the root of a checkout writes them; with ``--check`` it writes nothing and
ends with 1 when they differ. A marker is a pair of comments, ``<!-- generated: NAME -->`` and
``<!-- end of NAME -->``.
"""

from __future__ import annotations

import difflib
import importlib
import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from observer.app.catalogue import TELLING, catalogue
from observer.cli import COMMANDS, EXIT_CODES
from observer.config import model, units
from observer.exporter.postgres.collectors import sql_collectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pydantic.fields import FieldInfo

    from observer.exporter.declaration import MetricDeclaration

DOCS = Path(__file__).resolve().parent

KINDS = {
    "postgres": ("PostgreSQL", "postgres_exporter 0.20"),
    "pgbouncer": ("PgBouncer", "pgbouncer_exporter 0.12"),
    "redis": ("Redis and Valkey", "redis_exporter 1.88"),
    "hikari": ("HikariCP", "Micrometer"),
    "observer": ("Observer itself", "Observer"),
}
"""By kind: what people call it, and whose names its metrics have."""

OWN_NAMES = (
    "hikaricp_up",
    "pgbouncer_(active|paused|suspended)",
    "pgbouncer_client_longest_wait_seconds",
    "pgbouncer_config_(?!max_client_connections|max_user_connections).*",
    "pgbouncer_databases_(min_pool_size|server_lifetime_seconds|(max|current)_client_connections)",
    "pgbouncer_(mem|peers|peer_pools|server|users)_.*",
    "redis_clients_.*",
    "redis_last_key_groups_scrape_timestamp_seconds",
)
"""Metrics of a watched kind that no peer has, as patterns; the names are Observer's."""

OLDEST_SERVER = 14
"""The oldest PostgreSQL that is looked after; what a collector wants of older ones goes without saying."""

POSTGRES_PEER = DOCS / "peers" / "postgres_exporter.yaml"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as a user writes it."""

    path: str
    type: str
    default: str
    meaning: str

    @property
    def variable(self) -> str:
        """The environment variable of the setting; of a list, that of its first entry."""
        return "OBSERVER__" + self.path.replace("[]", ".0").replace(".", "__").upper()


def settings() -> tuple[Setting, ...]:
    """Every setting that can be written, in the order of the model."""
    return tuple(_settings(model.Settings, ""))


@cache
def command_help() -> dict[str, str]:
    """What ``--help`` prints, by command and sub-command, in the order of the usage."""
    found = {}
    for command in COMMANDS:
        found[command] = _help(command)
        for name in _sub_commands(found[command]):
            found[f"{command} {name}"] = _help(command, name)
    return found


def _settings(section: type[BaseModel], path: str) -> Iterator[Setting]:
    for name, field in section.model_fields.items():
        inner, is_list = _section_of(field.annotation)
        here = f"{path}{name}"
        if inner is not None:
            yield from _settings(inner, f"{here}[]." if is_list else f"{here}.")
        else:
            yield Setting(here, _type(field), _default(here, field), field.description or "")


def _section_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:  # noqa: ANN401 - any annotation
    is_list = get_origin(annotation) is tuple
    parts = [part for part in get_args(annotation) if part is not type(None)]
    inner = parts[0] if parts and (is_list or len(parts) == 1) else annotation
    return (inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None), is_list


_WRITTEN: dict[object, str] = {units.seconds: "duration", units.size_in_bytes: "size"}
"""What settings are called that are written with a unit, by what reads them."""


def _type(field: FieldInfo) -> str:
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not type(None)]
    bounds = {type(part).__name__: part for part in field.metadata}
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in kinds)
    for part in field.metadata:
        if (written := _WRITTEN.get(getattr(part, "func", None))) is not None:
            return written
    if "Ge" in bounds and "Le" in bounds:
        return f"{bounds['Ge'].ge} to {bounds['Le'].le}"
    if get_origin(field.annotation) is tuple:
        entry = get_args(field.annotation)[0]
        choices = get_args(entry) if get_origin(entry) is Literal else ()
        return "list of " + (", ".join(f"`{choice}`" for choice in choices) or "texts")
    if get_origin(field.annotation) is dict:
        return "true or false by name" if bool in kinds else "texts by text"
    names = {SecretStr: "text, secret", Path: "file", bool: "true or false", str: "text", int: "number"}
    return names[kinds[0]]


def _default(path: str, field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "must be given"
    if path.endswith("[].name"):
        kind = path.partition("[")[0]
        return f"`{kind}`, `{kind}-2`, ..."
    if field.default is None or field.default in ("", (), {}):
        return ""
    if field.default is True or field.default is False:
        return f"`{str(field.default).lower()}`"
    shown: object = field.default
    if _type(field) == "size":
        shown = f"{field.default // 1024**2}MB"
    elif _type(field) == "duration":
        shown = _duration(field.default)
    elif isinstance(field.default, tuple):
        shown = "[" + ", ".join(f'"{one}"' if "*" in one else one for one in field.default) + "]"
    return f"`{shown}`"


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= size and seconds % size == 0 and (unit == "s" or seconds > size):
            return f"{seconds / size:g}{unit}"
    return f"{seconds * 1000:g}ms"


def _help(*command: str) -> str:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TYPER_USE_RICH": "0"}
    answer = subprocess.run(
        [sys.executable, "-m", "observer", *command, "--help"],
        cwd=DOCS.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return "\n".join(line.rstrip() for line in answer.stdout.strip().splitlines())


def _sub_commands(text: str) -> list[str]:
    _, heading, rest = text.partition("\nCommands:\n")
    if not heading:
        _, heading, rest = text.partition("\n  WHAT\n")
    return re.findall(r"^ {2,4}([a-z][a-z-]*) {2,}", rest.partition("\n\n")[0], re.MULTILINE)


# ------------------------------------------------------------------------------------------- the parts


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def configuration_part() -> str:
    """A table of settings for each section."""
    sections: dict[str, list[Setting]] = {}
    for setting in settings():
        head, dot, _ = setting.path.rpartition(".")
        sections.setdefault(head if dot else "", []).append(setting)
    titles = {"": "Of the process"} | {
        f"{kind}[]": f"`{kind}`: {KINDS[kind][0] if kind in KINDS else kind}" for kind in model.TARGET_KINDS
    }
    parts = []
    for head, found in sections.items():
        rows = [
            (f"`{setting.path}`", setting.type, setting.default, setting.meaning, f"`{setting.variable}`")
            for setting in found
        ]
        title = titles.get(head, f"`{head.replace('[]', '')}`")
        parts.append(
            f"### {title}\n\n{_table(('setting', 'type', 'default', 'meaning', 'environment'), rows)}"
        )
    return "\n\n".join(parts)


def metrics_part() -> str:
    """A table of metrics for each collector of each kind."""
    metrics = catalogue()
    of_postgres = _postgres_names()
    parts = []
    for kind, (title, peer) in KINDS.items():
        collectors: dict[str, list[MetricDeclaration]] = {}
        for metric in metrics:
            if metric.kind == kind:
                collectors.setdefault(metric.collector, []).append(metric)
        parts.append(f"## {title}")
        for collector in sorted(collectors):
            rows = [
                (
                    f"`{metric.name}`",
                    metric.type,
                    " ".join(f"`{label}`" for label in metric.labels),
                    metric.help,
                    _owner(metric, peer, of_postgres),
                )
                for metric in collectors[collector]
            ]
            named = f"Collector `{collector}`" if collector else "Always there"
            if collector == TELLING:
                named = "While incidents are told in Slack"
            told = _running(collector) if kind == "postgres" else ""
            table = _table(("name", "type", "labels", "help", "name is of"), rows)
            parts += [f"### {title}: {named}", *filter(None, [told]), table]
    return "\n\n".join(parts)


def _running(collector: str) -> str:
    """Where, when and on which servers a collector in SQL runs, where that is not everywhere and always."""
    files = [file for file in sql_collectors() if file.name == collector]
    if not files:
        return ""
    file = files[0]
    least = min(one.requires.at_least for one in files) // 10000
    below = max(one.requires.below for one in files) // 10000
    clock = f"`{file.clock}_interval`" if isinstance(file.clock, str) else f"{file.clock:g} seconds"
    said = (
        (not file.enabled, f"Runs only when the settings say `collectors: {{{collector}: true}}`."),
        (file.scope == "database", "In every database."),
        (bool(file.clock), f"Every {clock}."),
        (least > OLDEST_SERVER, f"From PostgreSQL {least} on."),
        (below < OLDEST_SERVER * 10, f"Up to PostgreSQL {below - 1}."),
        (bool(file.requires.role), f"On a {file.requires.role} only."),
        (bool(file.requires.extension), f"Where the extension `{file.requires.extension}` is installed."),
    )
    return " ".join(text for holds, text in said if holds)


def _postgres_names() -> dict[str, str]:
    """Whose name a metric of PostgreSQL has, where it is not Observer's."""
    facts = yaml.safe_load(POSTGRES_PEER.read_text(encoding="utf-8"))
    peer = KINDS["postgres"][1]
    return {
        "pg_settings_*": peer,
        **{name: peer for group in facts["metrics"] for name in group["names"]},
        **dict.fromkeys(facts["newer"], "postgres_exporter"),
        **dict.fromkeys(facts["older"], "older rules"),
    }


def _owner(metric: MetricDeclaration, peer: str, of_postgres: dict[str, str]) -> str:
    if metric.kind == "postgres":
        return of_postgres.get(metric.name, "Observer")
    return "Observer" if any(re.fullmatch(own, metric.name) for own in OWN_NAMES) else peer


def commands_part() -> str:
    """The usage, and the help of every command."""
    usage = io.StringIO()
    with redirect_stdout(usage):
        importlib.import_module("observer.cli")._run([])  # noqa: SLF001 - the usage is printed nowhere else
    parts = [f"```\n{usage.getvalue().strip()}\n```"]
    parts += [f"## `observer {name}`\n\n```\n{text}\n```" for name, text in command_help().items()]
    return "\n\n".join(parts)


def exit_codes_part() -> str:
    """A table of exit codes."""
    return _table(("code", "meaning"), [(str(code), text) for code, text in sorted(EXIT_CODES.items())])


PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "configuration.md": {"settings": configuration_part},
    "metrics.md": {"metrics": metrics_part},
    "cli.md": {"commands": commands_part, "exit codes": exit_codes_part},
}
"""By document, what is written between which markers."""


def renewed(document: str) -> str:
    """The text of a document with its generated parts as they should be."""
    text = (DOCS / document).read_text(encoding="utf-8")
    for name, make in PARTS[document].items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"docs/{document} lacks the markers {begin} and {end}")
        text = f"{before}{begin}\n\n{make()}\n\n{end}{after}"
    return text


def main(arguments: Sequence[str]) -> int:
    """Write the parts, or say how they differ."""
    differs = False
    for document in PARTS:
        path = DOCS / document
        old, new = path.read_text(encoding="utf-8"), renewed(document)
        if old == new:
            continue
        differs = True
        if "--check" in arguments:
            lines = difflib.unified_diff(
                old.splitlines(), new.splitlines(), str(path), "as generated", lineterm=""
            )
            print("\n".join(lines))
        else:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path}")
    return int(differs and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
