"""The text format joined by hand means the same as what the library renders, for any labels and values."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from observer.exporter.declaration import Family, MetricDeclaration, MetricType, label_body, label_value, one
from observer.exporter.exposition import number, page, render

Values = dict[tuple[str, ...], float]

TEXTS = st.text(
    st.one_of(
        st.sampled_from('"\\\n\r\t{}=, \x00\ud800\udfff\u2028é€😀n'),
        st.characters(),
    ),
    max_size=12,
)
NUMBERS = st.one_of(
    st.integers(-(2**80), 2**80),
    st.floats(allow_nan=True, allow_infinity=True),
    st.booleans(),
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A family as data, for both renderers."""

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...]
    values: Values

    def ours(self) -> Family:
        metric = MetricDeclaration(self.name, self.type, self.help, "postgres", self.labels)
        return Family(
            metric, [("", label_body(self.labels, key), value) for key, value in self.values.items()]
        )

    def theirs(self) -> Metric:
        kind = CounterMetricFamily if self.type == "counter" else GaugeMetricFamily
        family = kind(self.name, self.help, labels=self.labels)
        for key, value in self.values.items():
            family.add_metric([carried(text) for text in key], value)
        return family


def carried(text: str) -> str:
    """A label's value as far as UTF-8 and the format can carry it."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "�")


@st.composite
def drawn_families(draw: st.DrawFn) -> list[Drawn]:
    found = []
    for index in range(draw(st.integers(1, 4))):
        labels = ("datname", "user", "queryid")[: draw(st.integers(0, 3))]
        counter = index % 2 == 1
        keys = st.tuples(*[TEXTS for _ in labels])
        values = draw(st.dictionaries(keys, NUMBERS, min_size=1, max_size=4 if labels else 1))
        # Two values that UTF-8 carries as the same are one series; no server has such names.
        unique = {tuple(map(carried, key)): (key, value) for key, value in values.items()}
        found.append(
            Drawn(
                name=f"m{index}_total" if counter else f"m{index}",
                type="counter" if counter else "gauge",
                help=draw(st.text(st.sampled_from('ab\\\n"é '), max_size=9)).strip(),
                labels=labels,
                values=dict(unique.values()),
            ),
        )
    return found


class Fixed(Collector):
    """Hands the library what was drawn."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def parsed(text: bytes) -> list[tuple[str, str, str, list[tuple[str, dict[str, str], str]]]]:
    return [
        (
            family.name,
            family.type,
            family.documentation,
            [(sample.name, sample.labels, repr(float(sample.value))) for sample in family.samples],
        )
        for family in text_string_to_metric_families(text.decode())
    ]


@given(drawn_families())
def test_a_page_means_what_the_library_would_have_rendered(families: list[Drawn]) -> None:
    """The library's parser reads the same families, samples, labels and values from both."""
    registry = CollectorRegistry()
    registry.register(Fixed([family.theirs() for family in families]))
    assert parsed(page([render(family.ours() for family in families)])) == parsed(generate_latest(registry))


@given(drawn_families(), drawn_families(), TEXTS)
def test_a_family_stands_once_with_the_samples_of_all_targets(
    one_target: list[Drawn], other_target: list[Drawn], name: str
) -> None:
    """However many targets have it: one header, and all samples below it."""
    parts = [
        render((family.ours() for family in one_target), label_body(("target",), ("one",))),
        render((family.ours() for family in other_target), label_body(("target",), (name,))),
    ]
    families = list(text_string_to_metric_families(page(parts).decode()))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    samples = [sample for family in families for sample in family.samples]
    assert len(samples) == sum(len(family.values) for family in (*one_target, *other_target))
    assert {sample.labels["target"] for sample in samples} == {"one", carried(name)}


@given(drawn_families())
def test_the_target_comes_in_front(families: list[Drawn]) -> None:
    """Labels that a whole target carries are every line's first."""
    text = page([render((family.ours() for family in families), 'target="main"')]).decode()
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    assert lines
    assert all('{target="main"' in line[: line.index("{") + 16] for line in lines)


@given(TEXTS)
def test_a_label_is_one_line_that_utf8_can_carry(text: str) -> None:
    """One odd name must not cost the whole page."""
    value = label_value(text)
    assert "\n" not in value
    assert value.encode().decode() == value


@given(st.integers())
def test_whole_numbers_keep_their_digits(value: int) -> None:
    """Beyond 2^53 as well: what is stored is what the server said."""
    assert number(value) == str(value)


def test_numbers_that_are_none() -> None:
    """Infinities and NaN are spelled as Prometheus reads them."""
    spelled = [number(value) for value in (math.inf, -math.inf, math.nan, True, 0.1)]
    assert spelled == ["+Inf", "-Inf", "NaN", "1.0", "0.1"]


def test_families_without_samples_are_left_out() -> None:
    """A header without samples says nothing."""
    metric = MetricDeclaration("m", "gauge", "Nothing.", "postgres")
    assert page([render([Family(metric)])]) == b""


def test_parts_of_one_metric_are_joined() -> None:
    """Two collectors may fill the same family."""
    metric = MetricDeclaration("m", "gauge", "Two.", "postgres", ("a",))
    text = page([render([one(metric, 1, 'a="x"'), one(metric, 2, 'a="y"')])])
    assert text == b'# HELP m Two.\n# TYPE m gauge\nm{a="x"} 1\nm{a="y"} 2\n'
