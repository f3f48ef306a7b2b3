"""Alerts, signals and overrides: what is refused, where the error points, and how it is mended."""

from __future__ import annotations

from typing import Any

import pytest

from observer.generator import alerts, catalogue, promql, signals, wording
from observer.generator.cases import CaseWriter
from observer.generator.expressions import Expressions
from observer.generator.faults import ExpressionError, TemplateError
from observer.generator.overrides import Overrides
from observer.generator.parameters import Parameters
from tests.generator_catalogue import OWN

FILE = "rules/alerts/redis-memory-high.yaml"


def signal(**changes: Any) -> dict[str, Any]:
    source = {
        "title": "Memory",
        "description": "Used of allowed.",
        "ratio": {
            "numerator": "max by ([[ by ]]) (redis_memory_used_bytes)",
            "denominator": "max by ([[ by ]]) (redis_memory_max_bytes)",
            "because": "0 means that there is no limit.",
        },
        "labels": ["job", "instance"],
        "unit": "percentunit",
        "threshold": {"above": 0.9},
    }
    merged = source | changes
    return {name: value for name, value in merged.items() if value is not None}


def alert(**changes: Any) -> dict[str, Any]:
    source = {
        "alert": "RedisMemoryHigh",
        "signal": "redis.memory",
        "severity": "ticket",
        "for": "5m",
        "summary": "Redis at {{ $labels.instance }} uses {{ $value | humanizePercentage }}",
        "description": "Soon it evicts.",
        "runbook": "Look.",
        "tests": {
            "fires_when": [
                {
                    "name": "nearly full",
                    "series": [
                        {"series": "redis_memory_used_bytes", "values": "[[ threshold * 100 + 1 ]]"},
                        {"series": "redis_memory_max_bytes", "values": 100},
                    ],
                    "value": "[[ threshold + 0.01 ]]",
                }
            ],
            "silent_when": [
                {"name": "no limit", "series": [{"series": "redis_memory_max_bytes", "values": 0}]}
            ],
        },
    }
    merged = source | changes
    return {name: value for name, value in merged.items() if value is not None}


def build(
    signal_tree: dict[str, Any], alert_tree: dict[str, Any], override: dict[str, Any] | None = None
) -> tuple[alerts.Alert, Expressions]:
    site = Overrides(override, file="site.yaml")
    found = signals.collect(
        {"rules/signals/redis.yaml": {"signals": {"redis.memory": signal_tree}}}, site.signals
    )
    expressions = Expressions(found, site.merged_parameters({}))
    known = catalogue.from_declarations(OWN)
    source = alerts.source_of(alert_tree, site.alerts.get("RedisMemoryHigh", {}), file=FILE)
    built = alerts.checked(source, file=FILE, expressions=expressions, catalogue=known)
    CaseWriter(expressions.parameters, known).document(
        built, expressions.condition(built.signal), rule_file="../rules/redis.yml"
    )
    return built, expressions


def test_a_ratio_is_guarded() -> None:
    """The denominator's guard stands in the expression, and can be taken away to prove that it is needed."""
    built, expressions = build(signal(), alert())
    used, limit = (f"max by (job, instance) (redis_memory_{name}_bytes)" for name in ("used", "max"))
    guarded = promql.canonical(f"({used} / ({limit} > 0)) > 0.9")
    assert expressions.condition(built.signal) == guarded
    assert expressions.condition(built.signal, without="denominator") == promql.canonical(
        f"({used} / {limit}) > 0.9"
    )


def test_tests_follow_an_overridden_threshold() -> None:
    """A site's threshold reaches the rule and the series that must cross it."""
    built, expressions = build(
        signal(), alert(), {"signals": {"redis.memory": {"threshold": {"above": 0.5}}}}
    )
    assert expressions.condition(built.signal).endswith("0.5")
    assert built.tests.fires_when[0].series[0].values == 51


@pytest.mark.parametrize(
    ("changes", "path", "what", "mend"),
    [
        ({"tests": None}, "tests", "refused without tests", "fires_when"),
        ({"tests": {"silent_when": []}}, "tests.fires_when", "refused without it", "fires_when"),
        (
            {"tests": {"fires_when": alert()["tests"]["fires_when"]}},
            "tests.silent_when",
            "refused",
            "silent_when",
        ),
        ({"signal": "redis.memry"}, "signal", "no signal redis.memry", "Did you mean redis.memory?"),
        ({"severity": "critical"}, "severity", "'page', 'ticket' or 'info'", ""),
        ({"summry": "x"}, "summry", "unknown key 'summry'", "Did you mean summary?"),
        ({"for": "5 minutes"}, "for", "is not a duration", ""),
        ({"runbook": None}, "runbook", "missing", "Add it."),
        ({"summary": "{{ $labels.pool }} is full"}, "summary", "prints the label pool", "signal's labels"),
        (
            {"summary": "{{ $value | humanize }} used"},
            "summary",
            "in percentunit through humanize",
            "Percentage",
        ),
        ({"summary": "{{ $value | humanise }} used"}, "summary", "is not supported", "humanize"),
        ({"summary": "{{ query `up` }}"}, "summary", "not supported", "Use {{ $labels.NAME }}"),
        ({"alert": "RedisMemoryLow"}, "alert", "file of another name", "redis-memory-low.yaml"),
    ],
)
def test_an_alert_is_refused_with_place_and_remedy(
    changes: dict[str, Any], path: str, what: str, mend: str
) -> None:
    """Every refusal names the file, the path inside it, the fault and what mends it."""
    with pytest.raises(TemplateError) as caught:
        build(signal(), alert(**changes))
    assert str(caught.value).startswith(f"{FILE}: {path}")
    assert what in caught.value.what
    assert mend in caught.value.remedy


@pytest.mark.parametrize(
    ("changes", "path", "what"),
    [
        ({"threshold": None}, "signals.redis.memory.threshold", "an alert needs a threshold"),
        ({"threshold": {"above": 1, "below": 2}}, "signals.redis.memory.threshold", "exactly one of"),
        ({"ratio": None}, "signals.redis.memory", "either expr or ratio"),
        ({"labels": ["job", "instance", "pool"]}, "signals.redis.memory.ratio", "groups by pool"),
        ({"ratio": None, "expr": "max(redis_up)"}, "signals.redis.memory.labels", "yields none"),
        ({"unit": "percent"}, "signals.redis.memory.unit", "Input should be"),
        (
            {"ratio": None, "expr": 'max by ([[ by ]]) (max_over_time(redis_up[[ over("60d") ]]))'},
            "signals.redis.memory.expr",
            "further than samples are kept",
        ),
        (
            {"ratio": None, "expr": "sum by ([[ by ]]) (rate(redis_evicted_keys_total[30s]))"},
            "signals.redis.memory.expr",
            "falls silent when one scrape fails",
        ),
        ({"ratio": None, "expr": '[[ signal("redis.memory") ]]'}, "redis.memory", "refers to itself"),
        (
            {"guards": [{"keep": "redis_uup", "because": "x"}]},
            "signals.redis.memory.ratio",
            "no exporter has",
        ),
    ],
)
def test_a_signal_is_refused_with_its_place(changes: dict[str, Any], path: str, what: str) -> None:
    """A signal's fault is told in the signal's file, whoever refers to it."""
    with pytest.raises(TemplateError) as caught:
        build(signal(**changes), alert())
    assert caught.value.file == "rules/signals/redis.yaml"
    assert caught.value.path == path
    assert what in caught.value.what


@pytest.mark.parametrize(
    ("series", "what"),
    [
        ("redis_memory_used", "no exporter has a metric redis_memory_used"),
        ('redis_memory_used_bytes{pool="x"}', "has no label pool"),
        ("1 + 1", "is not a series"),
    ],
)
def test_a_case_cannot_invent_series(series: str, what: str) -> None:
    """A test over names that no exporter has would prove nothing."""
    changed = alert()
    changed["tests"]["silent_when"][0]["series"][0]["series"] = series
    with pytest.raises(TemplateError, match=what) as caught:
        build(signal(), changed)
    assert caught.value.path == "tests.silent_when[0]"


@pytest.mark.parametrize(
    ("override", "path", "mend"),
    [
        ({"alert": {}}, "alert", "Did you mean alerts?"),
        ({"alerts": {"RedisMemoryHigh": {"fr": "1m"}}}, "alerts.RedisMemoryHigh.fr", "Did you mean for?"),
        ({"signals": {"redis.memory": {"expr": "x"}}}, "signals.redis.memory.expr", "threshold"),
        ({"parameters": {"scrape_intervall": "5s"}}, "parameters.scrape_intervall", "scrape_interval"),
    ],
)
def test_an_unknown_key_of_an_override_is_told(override: dict[str, Any], path: str, mend: str) -> None:
    """What a site misspells is never passed over."""
    with pytest.raises(TemplateError) as caught:
        Overrides(override, file="site.yaml").merged_parameters({})
    assert (caught.value.file, caught.value.path) == ("site.yaml", path)
    assert mend in caught.value.remedy


@pytest.mark.parametrize(
    ("override", "what"),
    [({"parameters": {"windw": "1h"}}, "sets windw"), ({"threshold": {"below": 0.1}}, "sets below")],
)
def test_an_override_fits_its_signal(override: dict[str, Any], what: str) -> None:
    """A parameter that the signal does not have would change nothing; a threshold turned round would lie."""
    with pytest.raises(TemplateError, match=what):
        build(signal(parameters={"window": "15m"}), alert(), {"signals": {"redis.memory": override}})


def test_an_unknown_id_of_an_override_is_told() -> None:
    """An override that would change nothing is an error."""
    site = Overrides({"alerts": {"RedisMemryHigh": {"enabled": False}}}, file="site.yaml")
    with pytest.raises(TemplateError, match=r"site\.yaml: alerts\.RedisMemryHigh") as caught:
        site.refuse_unknown("alerts", ["RedisMemoryHigh"])
    assert caught.value.remedy == "Did you mean RedisMemoryHigh?"


def test_an_override_changes_what_it_names_and_nothing_else() -> None:
    """Severity, waiting time and labels come from the site, words from the template."""
    built, _ = build(
        signal(),
        alert(labels={"team": "db"}),
        {"alerts": {"RedisMemoryHigh": {"for": "1h", "labels": {"tier": "1"}}}},
    )
    rule = built.rule("x")
    assert (rule["for"], rule["labels"]) == ("1h", {"severity": "ticket", "team": "db", "tier": "1"})
    assert built.source.description == "Soon it evicts."


@pytest.mark.parametrize(
    ("scale", "interval", "waits"), [(1, 15, 300), (0.1, 5, 30), (0.01, 5, 10), (1, 200, 400)]
)
def test_waiting_is_scaled_but_never_below_two_evaluations(
    scale: float, interval: float, waits: float
) -> None:
    """A demonstration may be quick, but one bad scrape is no incident."""
    parameters = Parameters(for_scale=scale, scrape_interval=interval)
    assert parameters.for_seconds(300) == waits


@pytest.mark.parametrize(
    ("scale", "interval", "seconds"), [(1, 15, 300), (0.1, 5, 30), (0.01, 5, 20), (1, 100, 400)]
)
def test_ranges_hold_four_scrapes(scale: float, interval: float, seconds: float) -> None:
    """A rate over fewer falls silent when one scrape fails."""
    assert Parameters(range_scale=scale, scrape_interval=interval).range_seconds(300) == seconds


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        ("humanize", 1234567, "1.235M"),
        ("humanize", 0.0123, "12.3m"),
        ("humanize", 0, "0"),
        ("humanize1024", 1536, "1.5ki"),
        ("humanizeDuration", 90061, "1d 1h 1m 1s"),
        ("humanizeDuration", 3.5, "3.5s"),
        ("humanizeDuration", 0.0042, "4.2ms"),
        ("humanizePercentage", 0.9312, "93.12%"),
        ('printf "%.0f"', 7.2, "7"),
    ],
)
def test_values_read_as_prometheus_prints_them(form: str, value: float, text: str) -> None:
    """The expected words of a test are computed here; promtool holds them against Prometheus's own."""
    assert wording.read(f"{{{{ $value | {form} }}}}", labels={}, value=value) == text


def test_an_absent_label_leaves_no_hole() -> None:
    """A page with one target carries no target label, and the sentence still reads well."""
    template = "PostgreSQL{{ with $labels.target }} {{ . }}{{ end }} does not answer"
    assert wording.read(template, labels={"target": "main"}, value=0) == "PostgreSQL main does not answer"
    assert wording.read(template, labels={}, value=0) == "PostgreSQL does not answer"
    with pytest.raises(ExpressionError, match="prints the label target"):
        wording.check(template, labels=frozenset({"job"}), unit="bool")
