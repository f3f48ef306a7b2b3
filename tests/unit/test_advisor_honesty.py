"""What the advisor says must hold: valid DDL, the same answer twice, no statement dearer without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import postgast
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from postgast import pg_query_pb2 as pb

from observer.advisor.indexes import Index, Key
from observer.advisor.names import RelationName
from observer.advisor.outcome import Checked, Outcome
from observer.advisor.plans import Plan
from observer.advisor.preparation import shapes_of
from observer.advisor.remarks import worsened
from observer.advisor.schema import Column, Relation, Schema
from observer.advisor.shapes import shape_of
from observer.advisor.workload import Statement

if TYPE_CHECKING:
    from observer.advisor.access import Shape

names = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20
)
keys = st.builds(
    Key,
    text=names,
    descending=st.booleans(),
    nulls_first=st.booleans(),
    operator_class=st.sampled_from(["", "text_pattern_ops", "gin_trgm_ops"]),
)
expressions = st.builds(
    Key, text=st.sampled_from(["lower(name)", "(data ->> 'a'::text)"]), is_column=st.just(False)
)
indexes = st.builds(
    Index,
    relation=st.builds(RelationName, names, names),
    keys=st.lists(st.one_of(keys, expressions), min_size=1, max_size=4).map(tuple),
    include=st.lists(names, max_size=3).map(tuple),
    where=st.sampled_from(["", "deleted_at IS NULL", "a < b", "status = 'it''s'"]),
    method=st.sampled_from(["btree", "gin", "brin"]),
)


@settings(max_examples=300, deadline=None)
@given(indexes)
def test_every_index_is_valid_ddl(index: Index) -> None:
    """PostgreSQL's own parser takes it, whatever things are called, and reads back what was meant."""
    for text in (index.statement(), index.statement(concurrently=False), index.definition):
        (raw,) = postgast.parse(text).stmts
        made = raw.stmt.index_stmt
        assert made.relation.relname == index.relation.name
        assert made.relation.schemaname == index.relation.schema
        assert made.access_method == index.method
        read = [item.index_elem for item in made.index_params]
        assert [elem.name for elem in read] == [key.text if key.is_column else "" for key in index.keys]
        descending = [elem.ordering == pb.SORTBY_DESC for elem in read]
        assert descending == [key.descending for key in index.keys]
        assert [item.index_elem.name for item in made.index_including_params] == list(index.include)
        assert made.HasField("where_clause") == bool(index.where)
    assert len(index.name.encode()) <= 63


@settings(max_examples=100, deadline=None)
@given(indexes, indexes)
def test_two_indexes_never_share_a_name(one: Index, other: Index) -> None:
    """Not even where only order, predicate or columns beside the keys differ."""
    assert (one == other) or one.name != other.name or one.relation.schema != other.relation.schema


PROGRAM = """
from tests.unit.test_advisor_search import MadeUpPlanner, run
from observer.advisor.model import Rules, members
print([list(members(run(MadeUpPlanner(seed, 30, 40), Rules(500))[1])) for seed in range(6)])
"""


def test_the_answer_does_not_depend_on_the_seed_of_hashes() -> None:
    """Two processes with different orders of sets and dictionaries of objects find the same indexes."""
    answers = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
        for seed in ("1", "2")
    ]
    assert answers[0] == answers[1]
    assert answers[0].count("[") == 7


def outcome_of(checked: Checked) -> Outcome:
    made = SimpleNamespace(statement=SimpleNamespace(text="SELECT a FROM t WHERE b = 5", queryid=7))
    fields = {"preparation": SimpleNamespace(prepared=[made]), "checked": {0: checked}}
    return cast("Outcome", SimpleNamespace(**fields))


def plan(cost: float) -> Plan:
    return Plan(cost, frozenset())


@pytest.mark.parametrize(("after", "told"), [(99.0, 0), (100.0, 0), (100.99, 0), (101.01, 1), (500.0, 1)])
def test_a_statement_that_becomes_dearer_is_named_from_one_per_cent_on(after: float, told: int) -> None:
    """Neither earlier, for that is how coarsely the planner compares, nor later."""
    found = worsened(outcome_of(Checked(plan(100.0), plan(after))))
    assert len(found) == told
    for item in found:
        assert (item.queryid, item.cost_before, item.cost_after) == ("7", 100.0, after)
        assert "5" not in item.text
        assert item.values == ""


def test_a_statement_that_becomes_dearer_at_other_values_is_named_with_them() -> None:
    """A set may help the typical value at the expense of the common one."""
    others: dict[str, Any] = {
        "a common value": (plan(100.0), plan(102.0)),
        "a rare value": (plan(10.0), plan(10.0)),
    }
    (item,) = worsened(outcome_of(Checked(plan(100.0), plan(50.0), others)))
    assert (item.values, item.cost_before, item.cost_after) == ("a common value", 100.0, 102.0)


def test_a_statement_that_nobody_foresaw_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is set aside with its reason, which quotes nothing of it."""

    def read(text: str, schema: Schema) -> Shape:
        if "secret" in text:
            raise KeyError(text)
        return shape_of(text, schema)

    monkeypatch.setattr("observer.advisor.preparation.shape_of", read)
    kinds = {"id": Column("id", "integer", "int4", "N", 4, 4, True, 4, 9.0, 0.0, 0.0)}
    table = Relation(RelationName("public", "t"), "r", 9.0, 9, kinds)
    texts = ("select id from t where id = 'secret'", "select id from t where id = $1")
    found, skipped = shapes_of([Statement(text) for text in texts], Schema({table.name: table}))
    assert [statement.text for statement, _ in found] == [texts[1]]
    assert [item.text for item in skipped] == [texts[0]]
    assert "KeyError" in skipped[0].reason
    assert "secret" not in skipped[0].reason
