"""Scoping: dashboards narrow every selector by their variables, and can be turned back into plain PromQL."""

from __future__ import annotations

import pytest

from observer.generator import promql
from observer.generator.catalogue import Catalogue, from_declarations
from observer.generator.faults import ExpressionError
from observer.generator.panels import thresholds
from observer.generator.scoping import expand, expand_targets, scoped
from observer.generator.signals import Threshold
from tests.generator_catalogue import OWN


@pytest.fixture(scope="module")
def known() -> Catalogue:
    return from_declarations(OWN)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("pg_up", 'pg_up{job=~"$job"}'),
        ('pg_up{job="a"}', 'pg_up{job="a"}'),
        (
            'sum(rate(redis_evicted_keys_total{target!="x"}[5m]))',
            'sum(rate(redis_evicted_keys_total{job=~"$job",target!="x"}[$__rate_interval]))',
        ),
        ("increase(redis_evicted_keys_total[5m])", 'increase(redis_evicted_keys_total{job=~"$job"}[5m])'),
        ("max_over_time(redis_up[1h] offset 1d)", 'max_over_time(redis_up{job=~"$job"}[1h] offset 1d)'),
        ("pg_locks_count", 'pg_locks_count{datname=~"$datname",job=~"$job"}'),
        ("redis_up and on (job) pg_up", 'redis_up{job=~"$job"} and on (job) pg_up{job=~"$job"}'),
    ],
)
def test_every_selector_is_narrowed_once(known: Catalogue, before: str, after: str) -> None:
    """By the labels its metric has, and not by those it names itself; rates follow the panel's resolution."""
    made = scoped(before, known, ["job", "datname"])
    parsed = promql.canonical(made.replace("$__rate_interval", "7m"))
    assert parsed == promql.canonical(after.replace("$__rate_interval", "7m"))
    assert ("$__rate_interval" in made) == ("$__rate_interval" in after)


def test_variables_are_expanded_but_capture_groups_are_not() -> None:
    """``$1`` belongs to label_replace()."""
    expression = (
        'label_replace(pg_up{job=~"${job:regex}", target=~"$target"}, "a", "$1", "b", "(.+)")[$__range]'
    )
    expanded = expand(expression, {"job": "x", "target": ".*"})
    assert expanded == 'label_replace(pg_up{job=~"x", target=~".*"}, "a", "$1", "b", "(.+)")[1h]'


def test_an_unknown_variable_is_an_error() -> None:
    """A panel that names what its dashboard does not define shows nothing, and nobody knows why."""
    with pytest.raises(ExpressionError, match=r"\$jbo has no value"):
        expand('pg_up{job=~"$jbo"}', {"job": "x"})


def test_targets_open_with_everything() -> None:
    """Without given values a dashboard's own beginning counts; given ones win."""
    dashboard = {
        "templating": {
            "list": [
                {"name": "job", "allValue": ".+", "current": {"text": ["All"], "value": ["$__all"]}},
                {"name": "top", "current": {"text": "10", "value": "10"}},
            ]
        },
        "panels": [
            {"type": "row", "title": "r"},
            {"type": "stat", "title": "t", "targets": [{"expr": 'topk($top, pg_up{job=~"$job"})'}]},
        ],
    }
    assert expand_targets(dashboard, {}) == [("t", 'topk(10, pg_up{job=~".+"})')]
    assert expand_targets(dashboard, {"job": "observer"}) == [("t", 'topk(10, pg_up{job=~"observer"})')]


@pytest.mark.parametrize(
    ("threshold", "colours"),
    [
        ({"above": 5}, [("green", None), ("red", 5)]),
        ({"below": 0.9}, [("red", None), ("green", 0.9)]),
        ({"equals": 0}, [("red", None), ("green", 1)]),
        (None, [("green", None)]),
    ],
)
def test_colours_change_where_the_alert_fires(
    threshold: dict[str, float] | None, colours: list[tuple[str, float | None]]
) -> None:
    """Panel and alert read the same threshold."""
    made = thresholds(Threshold.model_validate(threshold) if threshold else None)
    assert [(step["color"], step["value"]) for step in made["steps"]] == colours
