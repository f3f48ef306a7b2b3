"""Commands as INFO, LATENCY HISTOGRAM and LATENCY LATEST tell of them: calls, errors, percentiles, spikes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from observer.exporter.declaration import Family, MetricDeclaration, label_body
from observer.exporter.redis.info import number, pairs, scaled
from observer.exporter.redis.question import Question, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from observer.exporter.declaration import MetricType
    from observer.exporter.redis.question import Info, Replies

NAME = "info"
LATENCY = "latency"
HISTOGRAM = "latency_histogram"


def _metric(name: str, kind: MetricType, help_: str, collector: str, *labels: str) -> MetricDeclaration:
    return MetricDeclaration(f"redis_{name}", kind, help_, "redis", labels, collector)


COMMANDS = _metric("commands_total", "counter", "Calls of the command.", NAME, "cmd")
SECONDS = _metric("commands_duration_seconds_total", "counter", "Seconds spent in the command.", NAME, "cmd")
REJECTED = _metric("commands_rejected_calls_total", "counter", "Calls rejected before they ran.", NAME, "cmd")
FAILED = _metric("commands_failed_calls_total", "counter", "Calls that failed while they ran.", NAME, "cmd")
ERRORS = _metric("errors_total", "counter", "Replies of this error.", NAME, "err")
PERCENTILES = _metric(
    "latency_percentiles_usec", "summary", "Microseconds that calls took, by percentile.", NAME, "cmd"
)
LATENCIES = _metric("commands_latencies_usec", "histogram", "Microseconds that calls took.", HISTOGRAM, "cmd")
SPIKE_LAST = _metric(
    "latency_spike_last",
    "gauge",
    "When the newest spike was, in seconds since the epoch.",
    LATENCY,
    "event_name",
)
SPIKE_SECONDS = _metric(
    "latency_spike_duration_seconds", "gauge", "Seconds that the newest spike took.", LATENCY, "event_name"
)

_BY_COMMAND = {
    "calls": (COMMANDS, 1.0),
    "usec": (SECONDS, 1e-6),
    "rejected_calls": (REJECTED, 1.0),
    "failed_calls": (FAILED, 1.0),
}
_CALLS, _PERCENTILES, _ERRORS = "cmdstat_", "latency_percentiles_usec_", "errorstat_"


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of commands."""
    by_info = (COMMANDS, SECONDS, REJECTED, FAILED, ERRORS, PERCENTILES)
    return (*by_info, LATENCIES, SPIKE_LAST, SPIKE_SECONDS)


@lru_cache(maxsize=4096)
def _body(label: str, value: str, more: str = "") -> str:
    """Labels of a command; the same few hundred at each reading."""
    return label_body((label,), (value,)) + more


def families(info: Info) -> Iterator[Family]:
    """The families of commands and errors in INFO.

    ``cmdstat_get:calls=1,usec=2,usec_per_call=2.00,rejected_calls=0,failed_calls=0``
    ``latency_percentiles_usec_get:p50=1.003,p99=1.003,p99.9=1.003``
    """
    calls: dict[str, dict[str, str]] = {}
    percentiles: dict[str, dict[str, str]] = {}
    errors = []
    for name, value in info.items():
        if name.startswith(_CALLS):
            calls[name[len(_CALLS) :]] = pairs(value)
        elif name.startswith(_PERCENTILES):
            percentiles[name[len(_PERCENTILES) :]] = pairs(value)
        elif name.startswith(_ERRORS):
            error = _body("err", name[len(_ERRORS) :])
            errors.append(("", error, scaled(number(pairs(value).get("count")) or 0.0, 1)))
    for key, (metric, scale) in _BY_COMMAND.items():
        yield Family(
            metric,
            [
                ("", _body("cmd", command), scaled(amount, scale))
                for command, found in calls.items()
                if (amount := number(found.get(key))) is not None
            ],
        )
    yield Family(ERRORS, errors)
    yield Family(
        PERCENTILES,
        [
            sample
            for command, found in percentiles.items()
            if command in calls
            for sample in _summary(command, found, calls[command])
        ],
    )


def _summary(
    command: str, percentiles: dict[str, str], calls: dict[str, str]
) -> Iterator[tuple[str, str, float]]:
    # The quantile is the percentile as the server writes it, 99.9 and not 0.999: upstream's choice.
    for name, value in percentiles.items():
        if (usec := number(value)) is not None:
            yield "", _body("cmd", command, f',quantile="{name.removeprefix("p")}"'), usec
    yield "_sum", _body("cmd", command), scaled(number(calls.get("usec")) or 0.0, 1)
    yield "_count", _body("cmd", command), scaled(number(calls.get("calls")) or 0.0, 1)


def latency() -> Question:
    """The newest spike of each event; none while latency-monitor-threshold is 0."""
    return Question(LATENCY, (("LATENCY", "LATEST"),), lambda first, _, __: _spikes(first[0]))


def _spikes(events: Sequence[Any]) -> list[Family]:
    rows = [(label_body(("event_name",), (text(name),)), at, ms) for name, at, ms, *_ in events]
    return [
        Family(SPIKE_LAST, [("", body, int(at)) for body, at, _ in rows]),
        Family(SPIKE_SECONDS, [("", body, int(ms) / 1000) for body, _, ms in rows]),
    ]


def histogram() -> Question:
    """How long calls took, by powers of two; Redis 7 and later."""
    return Question(HISTOGRAM, (("LATENCY", "HISTOGRAM"),), _histogram)


def _histogram(first: Replies, _: Replies, info: Info) -> list[Family]:
    samples: list[tuple[str, str, float]] = []
    commands = first[0]
    for name, about in zip(commands[::2], commands[1::2], strict=True):
        command, details = text(name), {text(k): v for k, v in zip(about[::2], about[1::2], strict=True)}
        buckets, calls = details["histogram_usec"], int(details["calls"])
        for upper, count in zip(buckets[::2], buckets[1::2], strict=True):
            samples.append(("_bucket", _body("cmd", command, f',le="{int(upper)}"'), int(count)))
        samples.append(("_bucket", _body("cmd", command, ',le="+Inf"'), calls))
        total = number(pairs(info.get(_CALLS + command, "")).get("usec")) or 0.0
        samples.append(("_sum", _body("cmd", command), scaled(total, 1)))
        samples.append(("_count", _body("cmd", command), calls))
    return [Family(LATENCIES, samples)]
