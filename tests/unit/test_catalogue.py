"""The catalogue: every metric once, with all that rules are checked against."""

from __future__ import annotations

import re
from collections import defaultdict

from pydantic import SecretStr

from observer.app.catalogue import catalogue
from observer.app.telling import Telling
from observer.config.model import Settings, Slack
from observer.exporter.hikari import source as hikari
from observer.exporter.pgbouncer import source as pgbouncer
from observer.exporter.postgres import source as postgres
from observer.exporter.postgres.collectors import sql_collectors
from observer.exporter.redis import source as redis
from observer.metrics import Metrics

CATALOGUE = catalogue()
BY_NAME = {metric.name: metric for metric in CATALOGUE}


def test_every_name_stands_once_and_in_order() -> None:
    """The catalogue is a list that people read."""
    names = [metric.name for metric in CATALOGUE]
    assert names == sorted(set(names))


def test_names_and_labels_are_valid() -> None:
    """As Prometheus wants them, without double labels."""
    for metric in CATALOGUE:
        assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*\*?", metric.name), metric
        assert all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", label) for label in metric.labels), metric
        assert len(set(metric.labels)) == len(metric.labels), metric
        # The page of all adds the target; of Observer's own metrics it is a label like others.
        # Prometheus would rename a label that the scrape itself sets: exported_job.
        reserved = {"le", "quantile", "job", "instance"} | (
            {"target"} if metric.kind != "observer" else set()
        )
        assert not reserved & set(metric.labels), metric


def test_every_metric_says_what_it_is() -> None:
    """One sentence of help."""
    for metric in CATALOGUE:
        assert metric.help.strip(), metric.name
        assert "\n" not in metric.help, metric.name


def test_all_kinds_are_there() -> None:
    """Whatever a source may emit is in it, as it is declared."""
    for declared in (postgres.declared(), pgbouncer.declared(), redis.declared(), hikari.declared()):
        for metric in declared:
            assert (BY_NAME[metric.name].type, BY_NAME[metric.name].labels) == (metric.type, metric.labels)


def test_one_name_has_one_meaning() -> None:
    """Files for versions that exclude each other may share a metric; type and labels must be the same."""
    meanings = defaultdict(set)
    for file in sql_collectors():
        for metric in file.metrics:
            meanings[metric.name].add((metric.type, metric.labels))
    assert {name for name, found in meanings.items() if len(found) > 1} == set()


def test_what_observer_says_of_itself_is_in_it() -> None:
    """Its own page and the catalogue agree on names, types and labels."""
    metrics = Metrics.make()
    metrics.collector_errors.labels("postgres", "main", "sizes", "deadline").inc()
    metrics.scrapes.labels("all").inc()
    page = metrics.exposition().decode()
    for name, kind in re.findall(r"^# TYPE (observer_\w+) (\w+)$", page, re.MULTILINE):
        assert BY_NAME[name].type == kind
    assert BY_NAME["observer_collector_errors_total"].labels == ("kind", "target", "collector", "reason")
    assert "_created" not in page


def test_all_that_incidents_and_the_process_say_is_in_it() -> None:
    """Whatever stands on the page of an Observer that tells incidents can be asked for in a rule."""
    slack = Slack(token=SecretStr("xoxb-a"), channel="C0ALERTS")
    registry = Metrics.make().registry
    Telling(Settings(slack=slack), slack, registry)
    for family in registry.collect():
        metric = BY_NAME[f"{family.name}_total" if family.type == "counter" else family.name]
        assert metric.type == family.type
        assert metric.kind == "observer"
