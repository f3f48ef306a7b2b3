"""Ranges of server versions as ``queries.yaml`` writes them: ``>=9.6.0 <14.0.0 || >=16.0.0``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

Version: TypeAlias = tuple[int, int, int]

_SPACED = re.compile(r"([<>=!]+)\s+(?=v?\d)")
_COMPARISON = re.compile(r"(>=|<=|!=|==|>|<|=|!|)v?(\d+)(?:\.(\d+|x))?(?:\.(\d+|x))?")
_OTHER_SIGNS = {"": "=", "==": "=", "!": "!="}


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Alternatives, each a list of comparisons that must all hold; without any it holds always."""

    alternatives: tuple[tuple[tuple[str, Version], ...], ...] = ()

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """Read a range.

        Raises:
            ValueError: It is not one.
        """
        alternatives = []
        for part in text.split("||"):
            comparisons = tuple(_comparison(word) for word in _SPACED.sub(r"\1", part).split())
            if not comparisons:
                raise ValueError("an alternative is empty")
            alternatives.append(comparisons)
        return cls(tuple(alternatives))

    def holds(self, server_version_num: int) -> bool:
        """Whether a server is in the range; from version 10 on, 15.18 compares as 15.18.0.

        Args:
            server_version_num: As the server gives it: 150018.
        """
        version = _version(server_version_num)
        return not self.alternatives or any(
            all(_compare(version, operator, bound) for operator, bound in comparisons)
            for comparisons in self.alternatives
        )


ANY_VERSION = VersionRange()


def _comparison(word: str) -> tuple[str, Version]:
    match = _COMPARISON.fullmatch(word)
    if match is None:
        raise ValueError(f"{word!r} is not a comparison of versions")
    sign, *numbers = match.groups()
    major, minor, patch = (int(number) if number and number != "x" else 0 for number in numbers)
    return _OTHER_SIGNS.get(sign, sign), (major, minor, patch)


def _version(number: int) -> Version:
    if number >= 100000:
        return number // 10000, number % 10000, 0
    return number // 10000, number // 100 % 100, number % 100


def _compare(version: Version, operator: str, bound: Version) -> bool:
    return {
        ">=": version >= bound,
        "<=": version <= bound,
        ">": version > bound,
        "<": version < bound,
        "!=": version != bound,
        "=": version == bound,
    }[operator]
