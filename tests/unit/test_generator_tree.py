"""Templates are trees: structure comes from YAML alone, and only scalars are rendered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.generator import tree
from observer.generator.documents import yaml_text
from observer.generator.faults import TemplateError

NASTY = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")))


@given(NASTY)
def test_a_value_cannot_change_the_structure(value: str) -> None:
    """Whatever stands in a variable, it stays one scalar: no quoting or indentation can break out."""
    source = tree.parse("a: 'x [[ value ]] y'\nb: [1]\n", file="t.yaml")
    made = tree.render(source, {"value": value}, file="t.yaml")
    assert made == {"a": f"x {value} y", "b": [1]}
    assert tree.parse(yaml_text(made, header="h"), file="t.yaml") == made


def test_braces_stay_prometheus_s() -> None:
    """Prometheus's and Grafana's own templates pass through untouched."""
    text = "{{ $labels.job }} {{ $value | humanize }} {% x %} {{instance}}"
    assert tree.render(text, {}, file="t.yaml") == text


def test_an_expression_alone_keeps_its_type() -> None:
    """A list or number that fills a whole scalar is not turned into text."""
    assert tree.render(
        {"a": "[[ addresses ]]", "n": "[[ t * 2 ]]"}, {"addresses": ["a:1"], "t": 4}, file="t"
    ) == {
        "a": ["a:1"],
        "n": 8,
    }


def test_a_range_can_be_written_next_to_its_metric() -> None:
    """``metric[[ over("5m") ]]`` reads like PromQL and gives one range."""
    made = tree.render('rate(x[[ over("5m") ]])', {"over": lambda text: f"[{text}]"}, file="t")
    assert made == "rate(x[5m])"


def test_numbers_carry_no_float_noise() -> None:
    """0.1 * 3 is written 0.3."""
    assert tree.render("x > [[ 0.1 * 3 ]] or y", {}, file="t") == "x > 0.3 or y"


@pytest.mark.parametrize(
    ("source", "path", "what"),
    [
        ({"a": {"b": ["ok", "[[ treshold ]]"]}}, "a.b[1]", "'treshold' is undefined"),
        ({"a": "x [[ treshold ]]"}, "a", "'treshold' is undefined"),
        ({"a": "[[ 1 + ]]"}, "a", "cannot be rendered"),
        ({"a": "[[ ''.__class__.__mro__ ]]"}, "a", "unsafe"),
    ],
)
def test_a_scalar_that_cannot_be_rendered_names_its_place(source: object, path: str, what: str) -> None:
    """The error says file, path and the names that are known."""
    with pytest.raises(TemplateError, match=what) as caught:
        tree.render(source, {"threshold": 1}, file="t.yaml")
    assert (caught.value.file, caught.value.path) == ("t.yaml", path)
    assert "threshold" in caught.value.remedy


def test_a_key_that_stands_twice_is_refused() -> None:
    """YAML would let the second win in silence."""
    with pytest.raises(TemplateError, match=r"t\.yaml: line 3: .*'for' stands twice"):
        tree.parse("for: 1m\nsignal: x\nfor: 2m\n", file="t.yaml")


def test_what_is_no_yaml_names_the_line() -> None:
    """The author is sent to the line."""
    with pytest.raises(TemplateError, match=r"t\.yaml: line 3: not YAML"):
        tree.parse("a: 1\nb: [\n", file="t.yaml")
