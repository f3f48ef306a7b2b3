"""The commands that a reader is told to type."""

from __future__ import annotations

import re
import shlex

import pytest

from docs.generate import command_help
from tests.docs.markdown import ROOT, blocks, documents, text_of

TYPED = [
    (str(path.relative_to(ROOT)), line)
    for path in documents()
    for block in blocks(path.read_text(encoding="utf-8"), "sh")
    for line in block.replace("\\\n", " ").splitlines()
]
_ASSIGNMENT = re.compile(r"[A-Z_][A-Z0-9_]*=.*")


def calls(line: str, program: str) -> list[list[str]]:
    """The arguments of every call of a program in a line of shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = []
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("();<>|&"):
            while words and _ASSIGNMENT.fullmatch(words[0]):
                words.pop(0)
            if words and words[0] == program:
                found.append(words[1:])
            words = []
        else:
            words.append(word)
    return found


def test_the_readme_tells_what_to_type() -> None:
    """The README has the two commands, and the way to a first page."""
    text = text_of("README.md")
    assert "`make demo`" in text
    assert "`make test`" in text
    typed = [line for name, line in TYPED if name == "README.md"]
    assert any(calls(line, "observer")[:1] == [["sql", "role"]] for line in typed)
    assert any(words[0] == "serve" for line in typed for words in calls(line, "observer"))


@pytest.mark.parametrize(("document", "line"), TYPED)
def test_make_targets_exist(document: str, line: str) -> None:
    """Every target of make that a document tells of is in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    for words in calls(line, "make"):
        assert {word for word in words if not _ASSIGNMENT.fullmatch(word)} <= targets, document


@pytest.mark.parametrize(("document", "line"), TYPED)
def test_commands_and_options_exist(document: str, line: str) -> None:
    """Every command of Observer that a document tells of exists, with each of the options given to it."""
    for words in calls(line, "observer"):
        name = " ".join(words[:2]) if " ".join(words[:2]) in command_help() else words[0]
        if name == "version":
            continue
        assert name in command_help(), document
        known = set(re.findall(r"(?<!\w)--[a-z-]+", command_help()[name]))
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, document


def test_an_option_that_is_not_there_is_seen() -> None:
    """The reader of shell lines finds calls behind assignments, pipes and brackets."""
    assert calls("A=1 observer sql role | psql -d app", "observer") == [["sql", "role"]]
    assert calls("(umask 077; observer check --nope) # why", "observer") == [["check", "--nope"]]
    assert calls("cd x && make demo ARGS='--json'", "make") == [["demo", "ARGS=--json"]]
