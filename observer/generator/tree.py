"""Templates are trees: YAML is parsed first, then its scalars alone are rendered."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import yaml
from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.sandbox import SandboxedEnvironment

from observer.generator.faults import TemplateError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from pathlib import Path

Tree = Any
WHOLE = re.compile(r"\s*\[\[(?!\[)((?:(?!\]\]|\[\[).)*)\]\]\s*", re.DOTALL)


class _StrictLoader(yaml.CSafeLoader):
    """YAML in which a key stands once: the second would silently win."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Hashable, Tree]:
    seen: set[Hashable] = set()
    for key_node, _ in node.value:
        key = cast("Hashable", loader.construct_object(key_node, deep=True))
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands twice", key_node.start_mark
            )
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse(text: str, *, file: str) -> Tree:
    """The tree in a YAML document.

    Raises:
        TemplateError: It is not YAML, or a key stands twice.
    """
    try:
        # The loader derives from the safe one and adds a refusal only.
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise TemplateError(
            file=file, path=line, what=f"not YAML: {error.problem}", mend="Mend the YAML at that line."
        ) from error


def load(path: Path, *, file: str) -> dict[str, Tree]:
    """The tree in a YAML file, which must be a mapping.

    Raises:
        TemplateError: It is not YAML, a key stands twice, or it is not a mapping.
    """
    tree = parse(path.read_text("utf-8"), file=file)
    if not isinstance(tree, dict):
        raise TemplateError(file=file, path="", what="not a mapping", mend="Begin the file with key: value.")
    return tree


def number_text(value: float) -> str:
    """A number as short as it can be said without float noise (0.1 * 3 is 0.3)."""
    return f"{value:.12g}"


def _final(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    return value


@lru_cache(maxsize=1)
def _environment() -> SandboxedEnvironment:
    return SandboxedEnvironment(
        undefined=StrictUndefined,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        autoescape=False,  # the output is PromQL and text, never HTML
        keep_trailing_newline=True,
        finalize=_final,
    )


def _scalar(text: str, variables: Mapping[str, object]) -> object:
    whole = WHOLE.fullmatch(text)
    if whole is None:
        return _environment().from_string(text).render(variables)
    value = _environment().compile_expression(whole[1], undefined_to_none=False)(**variables)
    if isinstance(value, Undefined):
        value = str(value)  # a strict undefined names itself as it raises
    return value


def render(tree: Tree, variables: Mapping[str, object], *, file: str, path: str = "") -> Tree:
    """A copy of ``tree`` with ``[[ ]]`` in its strings replaced; keys and structure stay as they are.

    A string that is nothing but one ``[[ expression ]]`` becomes the value of the expression, with its type.

    Raises:
        TemplateError: A name is not defined, or the expression is not one.
    """
    if isinstance(tree, dict):
        return {
            key: render(value, variables, file=file, path=f"{path}.{key}" if path else str(key))
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [render(value, variables, file=file, path=f"{path}[{at}]") for at, value in enumerate(tree)]
    if not isinstance(tree, str) or "[" not in tree:
        return tree
    try:
        return _scalar(tree, variables)
    except (JinjaError, TypeError, ValueError, ArithmeticError) as error:
        raise TemplateError(
            file=file,
            path=path,
            what=f"cannot be rendered: {error}",
            mend=f"Known names are {', '.join(sorted(variables))}.",
        ) from error
