"""What an index costs the writers: entries, heap-only updates that are lost, entries of dead rows."""

from __future__ import annotations

import pytest

from observer.advisor.indexes import Index, Key
from observer.advisor.names import RelationName
from observer.advisor.schema import Column, ExistingIndex, Relation, Schema, Writes
from observer.advisor.workload import Statement
from observer.advisor.writes import WriteRate, upkeep, write_rates

PLACE = RelationName("public", "recipes")
COLUMNS = ("id", "user_id", "name", "status", "deleted_at", "views")


def table(writes: Writes, *indexed: str) -> Relation:
    """A table with its key and indexes on these columns, and a BRIN index on ``deleted_at``."""
    columns = {name: Column(name, "int8", "int8", "N", 8, 8, False, 8, 100, 0, 0) for name in COLUMNS}
    standing = [Index(PLACE, (Key(name),)) for name in ("id", *indexed)]
    standing.append(Index(PLACE, (Key("deleted_at"),), method="brin"))
    existing = tuple(ExistingIndex(index.name, index, index.definition, 1) for index in standing)
    return Relation(PLACE, "r", 1e6, 20_000, columns, existing, writes=writes)


def on(*keys: str, **more: str) -> Index:
    return Index(PLACE, tuple(Key(key, is_column=key in COLUMNS) for key in keys), **more)  # type: ignore[arg-type]  # predicate, method


def updates(*columns: str, rows: float = 10) -> WriteRate:
    return WriteRate(changes={frozenset(columns): rows})


MERGE = (
    "merge into recipes r using users u on r.id = u.id when matched then update set views = u.id"
    " when not matched then insert (id) values (u.id)"
)
ALWAYS = Writes(updated=100, updated_hot=100)


@pytest.mark.parametrize(
    ("index", "column"),
    [
        (on("name"), "name"),
        (on("lower(name)"), "name"),
        (on("user_id", where="deleted_at IS NULL"), "deleted_at"),
    ],
    ids=["key", "expression", "predicate"],
)
def test_an_update_of_what_the_index_reads_is_no_longer_heap_only(index: Index, column: str) -> None:
    """It then writes an entry into this index and into every other of the table."""
    standing = table(ALWAYS)
    load = upkeep(index, standing, 1.0, updates(column), 170000)
    assert load.hot_lost_per_second == load.entries_per_second == 10
    elsewhere = upkeep(index, standing, 1.0, updates("views"), 170000)
    assert elsewhere.hot_lost_per_second == elsewhere.entries_per_second == 0
    never = upkeep(index, table(Writes(updated=100)), 1.0, updates(column), 170000)
    assert never.hot_lost_per_second == 0
    entry = never.ms_per_second - elsewhere.ms_per_second
    others = load.ms_per_second - never.ms_per_second
    assert others == pytest.approx(entry * len(standing.indexes))


def test_an_update_of_an_indexed_column_has_no_heap_only_to_lose() -> None:
    """Half of the updates are heap-only: those that set no column of an index, all of them."""
    rate = WriteRate(changes={frozenset({"status"}): 10, frozenset({"views"}): 10})
    half = table(Writes(updated=100, updated_hot=50), "status")
    assert upkeep(on("status", "user_id"), half, 1.0, rate).hot_lost_per_second == 0
    assert upkeep(on("views"), half, 1.0, rate).hot_lost_per_second == 10
    assert upkeep(on("user_id"), half, 1.0, rate).entries_per_second == 10


def test_a_mapper_that_sets_every_column_is_believed_to_change_few() -> None:
    """Heap-only updates show that the column of the index is set to what it was."""
    whole = updates("user_id", "name", "status", "views")
    standing = table(Writes(updated=100, updated_hot=90), "status")
    assert upkeep(on("user_id"), standing, 1.0, whole).hot_lost_per_second == pytest.approx(9)
    assert upkeep(on("deleted_at"), standing, 1.0, whole).entries_per_second == pytest.approx(1)


@pytest.mark.parametrize(("version", "lost"), [(150000, 10), (160000, 0)])
def test_brin_keeps_updates_heap_only_since_16(version: int, lost: float) -> None:
    """Of a BRIN index itself, and beside one that stands."""
    brin = upkeep(on("views", method="brin"), table(ALWAYS), 1.0, updates("views"), version)
    assert brin.hot_lost_per_second == lost
    half = table(Writes(updated=100, updated_hot=50))
    rate = WriteRate(changes={frozenset({"deleted_at"}): 10, frozenset({"views"}): 10})
    tree = upkeep(on("views"), half, 1.0, rate, version)
    assert tree.hot_lost_per_second == (10 if version < 160000 else 5)


def test_an_index_of_few_rows_and_a_brin_index_cost_less() -> None:
    """By the share of rows that a partial index holds, but not nothing: each row is looked at."""
    rate = WriteRate(inserted=100, deleted=100)
    whole = upkeep(on("user_id"), table(ALWAYS), 1.0, rate)
    part = upkeep(on("user_id", where="status = 1"), table(ALWAYS), 0.1, rate)
    none = upkeep(on("user_id", where="status = 1"), table(ALWAYS), 0.0, rate)
    brin = upkeep(on("user_id", method="brin"), table(ALWAYS), 1.0, rate)
    assert part.entries_per_second == pytest.approx(10)
    assert 0 < none.ms_per_second < part.ms_per_second < whole.ms_per_second / 2
    assert brin.ms_per_second < whole.ms_per_second / 2


def test_what_is_deleted_costs_less_than_what_is_inserted_but_something() -> None:
    """Nothing at once; VACUUM takes the entries out again."""
    inserted = upkeep(on("user_id"), table(ALWAYS), 1.0, WriteRate(inserted=100))
    deleted = upkeep(on("user_id"), table(ALWAYS), 1.0, WriteRate(deleted=100))
    assert 0 < deleted.ms_per_second < inserted.ms_per_second
    assert deleted.entries_per_second == 0


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("insert into recipes (name) values ($1)", WriteRate(inserted=6)),
        ("update recipes set name = $1, views = $2 where id = $3", updates("name", "views", rows=6)),
        ("update recipes set (name, views) = ($1, $2) where id = $3", updates("name", "views", rows=6)),
        ("copy recipes (name) from stdin", WriteRate(inserted=6)),
        ("delete from recipes where id = $1", WriteRate(deleted=6)),
        (
            "insert into recipes (id) values ($1) on conflict (id) do update set views = recipes.views + 1",
            WriteRate(inserted=2, changes={frozenset({"views"}): 4}),
        ),
        ("insert into recipes (id) values ($1) on conflict do nothing", WriteRate(inserted=6)),
        (
            MERGE,
            WriteRate(inserted=2, changes={frozenset({"views"}): 4}),
        ),
        ("merge into recipes r using users u on r.id = u.id when matched then delete", WriteRate(deleted=6)),
    ],
)
def test_what_a_statement_writes_is_read_from_its_text(text: str, rate: WriteRate) -> None:
    """Where it may do one thing or another, the table's own counts share its rows out."""
    schema = Schema({PLACE: table(Writes(inserted=99, updated=199, updated_hot=0))})
    assert write_rates([Statement(text, rows=60)], 10, schema) == {PLACE: rate}
    assert write_rates([Statement(text, rows=60)], 0, schema) == {}
