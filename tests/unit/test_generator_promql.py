"""Label inference and the catalogue gate: what an expression yields, and what it is refused for."""

from __future__ import annotations

import pytest

from observer.generator import promql
from observer.generator.catalogue import Catalogue, from_declarations
from observer.generator.faults import ExpressionError
from tests.generator_catalogue import OWN

PAGE = {"job", "instance", "target"}


@pytest.fixture(scope="module")
def known() -> Catalogue:
    return from_declarations(OWN)


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("pg_up", PAGE),
        ("sum(pg_up)", set()),
        ("sum by (job, target) (pg_up) > 0", {"job", "target"}),
        ("sum without (instance) (pg_up)", {"job", "target"}),
        ("hikaricp_connections_pending", PAGE | {"replica", "pool"}),
        ('label_replace(pg_up, "host", "$1", "instance", "(.*):.*")', PAGE | {"host"}),
        ('absent(pg_up{job="x", instance=~"a.*"})', {"job"}),
        ('min by (job) (pg_up) or absent(pg_up{instance="x"})', {"job", "instance"}),
        ("topk by (job) (3, pg_up)", PAGE),
        ('count_values by (job) ("level", pg_up)', {"job", "level"}),
        (
            "pg_stat_database_numbackends / on (job, instance, target) group_left pg_up",
            PAGE | {"datname", "datid"},
        ),
        ("pg_up and on (job) (max by (job, instance) (redis_up))", PAGE),
        ("max by (job) (pg_up) == on (job) max by (job, instance) (redis_up)", {"job"}),
        ("pg_up - ignoring (target) max by (job, instance) (redis_up)", {"job", "instance"}),
        ("pg_up > time() - 5", PAGE),
        ("vector(1)", set()),
        ("pg_settings_max_connections", PAGE),
        ("max_over_time(rate(pg_stat_database_blks_hit[5m])[1h:1m])", PAGE | {"datname", "datid"}),
    ],
)
def test_labels_are_inferred(known: Catalogue, expression: str, labels: set[str]) -> None:
    """The inference says which labels results may carry, as Prometheus's own matching does."""
    assert promql.output_labels(expression, known) == labels


@pytest.mark.parametrize(
    ("expression", "what", "mend"),
    [
        ("sum(", "not PromQL", "Mend"),
        ("rate(pg_up)", "expected type matrix", "Mend"),
        ("pg_upp", "no exporter has a metric pg_upp", "pg_up"),
        ('pg_locks_count{granted="true"}', "pg_locks_count has no label granted", "Known are"),
        ("sum by (queryd) (rate(pg_stat_statements_calls_total[5m]))", "groups by queryd", "queryid"),
        ("sum by (datname) (sum by (job) (pg_locks_count))", "groups by datname", "job"),
        ("rate(pg_stat_activity_max_tx_duration[5m])", "which is a gauge", "delta"),
        ("delta(redis_keyspace_hits_total[5m])", "which is a counter", "rate"),
        (
            "rate(sum by (job) (redis_keyspace_hits_total)[5m:1m])",
            "of a computed value",
            "each counter first",
        ),
        ("redis_keyspace_hits_total > 5", "its bare value", "rate"),
        ("pg_stat_database_blks_hit / pg_stat_database_blks_read", "its bare value", "rate"),
        ("redis_memory_used_bytes / hikaricp_connections_max", "never match", "same labels"),
        ("pg_up and on (pool) hikaricp_connections_max", "only one side carries", ""),
        ("histogram_quantile(0.9, sum by (job) (rate(x_seconds_bucket[5m])))", "label le", "Add le"),
        ('{job="x"}', "without a metric's name", "Name the metric"),
    ],
)
def test_what_can_never_work_is_refused(known: Catalogue, expression: str, what: str, mend: str) -> None:
    """Each refusal says what is wrong and how to mend it."""
    from observer.generator.catalogue import Metric

    known = known.extended([Metric("x_seconds_bucket", "counter", frozenset({"job", "le"}), "test")])
    with pytest.raises(ExpressionError) as caught:
        promql.output_labels(expression, known)
    assert what in caught.value.what
    assert mend in caught.value.mend


@pytest.mark.parametrize(
    "expression",
    [
        "count by (job) (redis_keyspace_hits_total)",
        'absent(redis_keyspace_hits_total{job="x"})',
        "changes(redis_keyspace_hits_total[5m])",
        'rate(redis_commands_total{cmd="get"}[5m])',
    ],
)
def test_a_counter_may_be_asked_for_its_presence(known: Catalogue, expression: str) -> None:
    """Counting, missing and changing say nothing about a counter's value, and are allowed."""
    promql.output_labels(expression, known)


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("a", 0),
        ("rate(a[5m])", 300),
        ("rate(a[5m] offset 1h)", 3900),
        ("a offset 1d", 86400),
        ("b[1h:1m]", 3600),
    ],
)
def test_the_longest_look_back_counts_offsets(expression: str, seconds: float) -> None:
    """Retention and test lengths rest on it."""
    assert promql.longest_look_back(expression) == seconds
