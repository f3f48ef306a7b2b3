"""A Dockerfile's instructions, carried out below a directory in place of a container's root."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

USER = "10001"
_ABSOLUTE = re.compile(r"(?<![\w./-])/(?=(?:opt|src|etc|var|run|usr)\b)")
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: ``COPY``, and the rest of its line."""

    keyword: str
    rest: str


def parse(text: str) -> list[Instruction]:
    """The instructions in order; comments are gone and continued lines are joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines) + "\n")
    split = (line.split(None, 1) for line in joined.splitlines() if line.strip())
    return [Instruction(keyword.upper(), rest.strip()) for keyword, rest in split]


def words(rest: str) -> list[str]:
    """The words of an instruction in either form: ``["a", "b"]`` or ``a b``."""
    return list(json.loads(rest)) if rest.startswith("[") else shlex.split(rest)


def options(rest: str) -> tuple[dict[str, str], str]:
    """Leading ``--name=value`` options, and what follows them."""
    found: dict[str, str] = {}
    while match := re.match(r"--([\w-]+)=(\S+)\s+", rest):
        found[match[1]] = match[2]
        rest = rest[match.end() :]
    return found, rest


@dataclass(slots=True)
class Image:
    """What the last stage says of a container."""

    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    user: str = ""
    directory: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)


class Builder:
    """Builds an image below a directory.

    Every stage works in ``root``, as in a container every stage works in ``/``: what has its own path written
    into it, as a virtual environment has, stays right when another stage copies it. The base image is a
    virtual environment in ``root/usr/local``, a Python with pip, made once and copied for each stage.

    Args:
        context: The build context.

        place: An empty directory; ``root`` and the earlier stages are made in it.

        python: The base image's interpreter.

        environment: Overrides what the Dockerfile sets, for tools that run while it is built.
    """

    def __init__(self, *, context: Path, place: Path, python: Path, environment: dict[str, str]) -> None:
        self.context = context
        self.root = place / "root"
        self.stages = place / "stages"
        self.image = Image()
        self.done: list[str] = []
        self._base = place / "base"
        self._python = python
        self._override = environment
        self._arguments: dict[str, str] = {}
        self._stage = ""

    def build(self, instructions: Sequence[Instruction]) -> Image:
        """Carry all of them out.

        Raises:
            AssertionError: A step failed, or is of a kind that is not known here.
        """
        for instruction in instructions:
            step = getattr(self, f"_{instruction.keyword.lower()}", None)
            assert step is not None, f"no way to carry out {instruction.keyword}"
            step(instruction.rest)
            self.done.append(instruction.keyword)
        return self.image

    def inside(self, text: str) -> str:
        """A text with the container's absolute paths as they are on this machine."""
        mapped = _ABSOLUTE.sub(f"{self.root}/", text)
        # Only root can give files to somebody else.
        return mapped if os.geteuid() == 0 else mapped.replace(USER, str(os.geteuid()))

    def environment(self) -> dict[str, str]:
        """What a program in the container finds, PATH and all."""
        found = {name: self.inside(value) for name, value in self.image.environment.items()}
        return {"PATH": self.inside("/usr/local/bin") + ":" + os.defpath, **found}

    def _expand(self, text: str) -> str:
        known = {"PATH": self.inside("/usr/local/bin") + ":" + os.defpath}
        known |= self._arguments | self.image.environment
        return _VARIABLE.sub(lambda match: known[match[1] or match[2]], text)

    def _arg(self, rest: str) -> None:
        name, _, default = rest.partition("=")
        self._arguments[name] = default

    def _from(self, rest: str) -> None:
        if self._stage:
            self.stages.mkdir(exist_ok=True)
            self.root.rename(self.stages / self._stage)
        _, _, self._stage = rest.partition(" AS ")
        self.image = Image()
        self.root.mkdir()
        local = self.root / "usr" / "local"
        if self._base.exists():
            shutil.copytree(self._base, local, symlinks=True)
            return
        subprocess.run([self._python, "-m", "venv", local], check=True, timeout=120)
        shutil.copytree(local, self._base, symlinks=True)

    def _env(self, rest: str) -> None:
        self.image.environment |= dict(_pair(word) for word in shlex.split(self._expand(rest)))

    def _label(self, rest: str) -> None:
        self.image.labels |= dict(_pair(word) for word in shlex.split(self._expand(rest)))

    def _workdir(self, rest: str) -> None:
        self.image.directory = rest
        Path(self.inside(rest)).mkdir(parents=True, exist_ok=True)

    def _copy(self, rest: str) -> None:
        given, paths = options(rest)
        *sources, target = words(paths)
        origin = self.stages / given["from"] if "from" in given else self.context
        destination = Path(self.inside(target))
        for source in sources:
            found = origin / source.lstrip("/")
            assert found.exists(), f"COPY {rest}: there is no {source}"
            if found.is_dir():
                if "from" in given:
                    # What a finished stage holds is never written again: links spare its copy.
                    shutil.copytree(found, destination, symlinks=True, copy_function=os.link)
                    continue
                ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
                shutil.copytree(found, destination, ignore=ignored, dirs_exist_ok=True)
            else:
                destination.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, destination)

    def _run(self, rest: str) -> None:
        done = subprocess.run(
            ["sh", "-c", self.inside(rest)],
            cwd=self.inside(self.image.directory),
            env=self.environment() | self._override,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, f"RUN {rest}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    def _user(self, rest: str) -> None:
        self.image.user = rest

    def _volume(self, rest: str) -> None:
        self.image.volumes += words(rest)

    def _expose(self, rest: str) -> None:
        assert rest.isdigit(), rest

    def _stopsignal(self, rest: str) -> None:
        assert rest == "SIGTERM", rest

    def _healthcheck(self, rest: str) -> None:
        _, command = options(rest)
        keyword, _, given = command.partition(" ")
        assert keyword == "CMD", rest
        self.image.healthcheck = words(given)

    def _entrypoint(self, rest: str) -> None:
        self.image.entrypoint = words(rest)

    def _cmd(self, rest: str) -> None:
        self.image.command = words(rest)


def _pair(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value
