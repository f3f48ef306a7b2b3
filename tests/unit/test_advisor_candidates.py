"""From statement to candidates: names resolved, keys in order, nothing that is there, always valid DDL."""

from __future__ import annotations

import postgast
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.advisor.candidates.candidate import Limits
from observer.advisor.candidates.foreign_keys import foreign_keys
from observer.advisor.candidates.gather import gather
from observer.advisor.indexes import Index, Key
from observer.advisor.names import RelationName
from observer.advisor.schema import Column, ExistingIndex, ForeignKey, Relation, Schema, Writes
from observer.advisor.shapes import shape_of
from observer.advisor.sizes import corrected_size
from observer.advisor.tree import ReadsNothing, Unparsable


def column(name: str, base: str = "int8", distinct: float = 1000, **more: object) -> Column:
    category = {"int8": "N", "text": "S", "bool": "B", "timestamptz": "D", "jsonb": "U", "_text": "A"}[base]
    length = {"int8": 8, "bool": 1, "timestamptz": 8}.get(base, -1)
    facts: dict[str, object] = {"common": (), "null_fraction": 0.1, "sorts_bytewise": False, **more}
    return Column(name, base, base, category, length, 8, False, 8, distinct, correlation=0.0, **facts)  # type: ignore[arg-type]  # facts of a test


def relation(
    name: str, *columns: Column, rows: float = 1e6, keys: tuple[str, ...] = ("id",), **more: object
) -> Relation:
    place = RelationName("public", name)
    primary = Index(place, tuple(Key(key) for key in keys), unique=True)
    existing = ExistingIndex(f"{name}_pkey", primary, primary.definition, 1, primary=True, unique=True)
    return Relation(place, "r", rows, 20_000, {c.name: c for c in columns}, (existing,), **more)  # type: ignore[arg-type]  # facts of a test


RECIPES = relation(
    "recipes",
    column("id"),
    column("user_id"),
    column("name", "text"),
    column("status", "text", 3),
    column("created_at", "timestamptz"),
    column("deleted_at", "timestamptz", null_fraction=0.85),
    column("hidden", "bool", 2),
    column("tags", "_text"),
    column("data", "jsonb"),
)
REVIEWS = relation(
    "reviews",
    column("id"),
    column("recipe_id"),
    column("rating"),
    column("order", "text"),
    foreign_keys=(ForeignKey("reviews_recipe_id_fkey", ("recipe_id",), RECIPES.name),),
)
VIEW = Relation(
    RelationName("public", "visible"),
    "v",
    0,
    0,
    {name: RECIPES.columns[name] for name in ("id", "user_id")},
    view="SELECT recipes.id, recipes.user_id FROM public.recipes WHERE recipes.deleted_at IS NULL",
)
SCHEMA = Schema({r.name: r for r in (RECIPES, REVIEWS, VIEW)})


def bodies(text: str, **limits: object) -> set[str]:
    found = gather(shape_of(text, SCHEMA), SCHEMA, Limits(**limits))  # type: ignore[arg-type]  # options of a test
    return {candidate.index.body.removeprefix("public.") for candidate in found}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select * from recipes where user_id = $1", "recipes (user_id)"),
        (
            "select * from recipes where user_id = $1 order by created_at desc limit 20",
            "recipes (user_id, created_at DESC)",
        ),
        ("select * from recipes order by created_at desc nulls last", "recipes (created_at DESC NULLS LAST)"),
        (
            "select * from recipes r where r.status in ($1, $2) and created_at > now()",
            "recipes (status, created_at)",
        ),
        ("select name from recipes where user_id = 5", "recipes (user_id) INCLUDE (name)"),
        (
            "select * from recipes where user_id = $1 and deleted_at is null",
            "recipes (user_id) WHERE deleted_at IS NULL",
        ),
        ("select * from recipes where user_id = $1 and not hidden", "recipes (user_id) WHERE NOT hidden"),
        ("select * from recipes where lower(name) = $1", "recipes ((lower(name)))"),
        ("select * from recipes where data ->> 'k' = $1", "recipes ((data ->> 'k'))"),
        ("select * from recipes where name like 'Soup%'", "recipes (name text_pattern_ops)"),
        ("select * from recipes where name ilike $1", "recipes USING gin (name gin_trgm_ops)"),
        ("select * from recipes where data @> $1", "recipes USING gin (data jsonb_path_ops)"),
        ("select * from recipes where tags && $1", "recipes USING gin (tags)"),
        ("select * from recipes where $1 = any(tags)", "recipes USING gin (tags)"),
        (
            "select * from recipes where to_tsvector('english', name) @@ plainto_tsquery($1)",
            "recipes USING gin ((to_tsvector('english', name)))",
        ),
        (
            "select * from recipes where to_tsvector($2, name) @@ plainto_tsquery($1)",
            "recipes USING gin ((to_tsvector('english', name)))",
        ),
        ("select count(*) from reviews group by recipe_id", "reviews (recipe_id)"),
        (
            "select recipe_id, rating, count(*) from reviews group by rollup (recipe_id, rating)",
            "reviews (recipe_id, rating)",
        ),
        ("select distinct rating from reviews", "reviews (rating)"),
        ("select * from recipes r join reviews v on v.recipe_id = r.id", "reviews (recipe_id)"),
        (
            "select * from recipes where id in (select recipe_id from reviews where rating = $1)",
            "reviews (rating)",
        ),
        ("with x as (select * from recipes) select * from x where x.user_id = $1", "recipes (user_id)"),
        ("select * from (select user_id as u from recipes) s where s.u = $1", "recipes (user_id)"),
        ("select id from visible where user_id = $1", "recipes (user_id)"),
        ("update recipes set name = $1 where user_id = $2", "recipes (user_id)"),
        (
            "delete from reviews using recipes r where r.id = recipe_id and r.user_id = $1",
            "reviews (recipe_id)",
        ),
        ('select * from reviews where "order" = $1', 'reviews ("order")'),
        ("select * from recipes where (created_at, id) < ($1, $2)", "recipes (created_at, id)"),
        ("select max(created_at) from recipes where user_id = $1", "recipes (user_id, created_at)"),
        ("select * from recipes where user_id = $1 or status = $2", "recipes (status)"),
        ("select * from recipes where created_at > date $1", "recipes (created_at)"),
        ("select * from recipes where user_id = $1 for update", "recipes (user_id)"),
    ],
)
def test_a_statement_gets_the_index_it_lacks(text: str, expected: str) -> None:
    """Each kind of condition and each way to name a table leads to its candidate."""
    assert expected in bodies(text)


def test_what_stands_is_not_proposed() -> None:
    """Neither a duplicate of an existing index nor a prefix of one, in either direction."""
    assert "recipes (id)" not in bodies("select * from recipes where id = $1")
    assert "recipes (id DESC)" not in bodies("select * from recipes order by id desc")


def test_limits_are_kept() -> None:
    """No index is wider than asked, none partial or covering when that is not wanted."""
    text = "select name from recipes where user_id = 1 and status = 'x' and id > 4 and deleted_at is null"
    for candidate in gather(shape_of(text, SCHEMA), SCHEMA, Limits(width=2, partial="none", include=False)):
        assert len(candidate.index.keys) <= 2
        assert not candidate.index.where
        assert not candidate.index.include


def test_a_predicate_is_priced_on_the_first_table_alone() -> None:
    """HypoPG can crash the server over one elsewhere: the statement is turned, or it is a hypothesis."""
    turned = shape_of(
        "select 1 from reviews v, recipes r where v.recipe_id = r.id and r.deleted_at is null", SCHEMA
    )
    assert turned.text.index("recipes r") < turned.text.index("reviews v")
    assert [access.leading for access in turned.accesses if access.relation.name == "recipes"] == [True]
    twice = shape_of(
        "select 1 from recipes a, recipes b where a.id = b.user_id and a.deleted_at is null", SCHEMA
    )
    assert not any(access.leading for access in twice.accesses)
    through_view = shape_of("select id from visible where user_id = $1", SCHEMA)
    assert not any(candidate.priced and candidate.index.where for candidate in gather(through_view, SCHEMA))


def test_a_foreign_key_without_an_index_is_found() -> None:
    """And shown only where rows of the other table were deleted."""
    assert [(c.index.body, c.kept) for c in foreign_keys(SCHEMA)] == [("public.reviews (recipe_id)", False)]
    busy = Relation(**{f: getattr(RECIPES, f) for f in Relation.__slots__} | {"writes": Writes(deleted=5)})
    schema = Schema({RECIPES.name: busy, REVIEWS.name: REVIEWS})
    assert [c.kept for c in foreign_keys(schema)] == [True]


@pytest.mark.parametrize("text", ["vacuum recipes", "insert into recipes values (1)", "begin"])
def test_what_reads_nothing_has_no_shape(text: str) -> None:
    """Utility statements and inserts of values are no matter for an index."""
    with pytest.raises(ReadsNothing):
        shape_of(text, SCHEMA)


@pytest.mark.parametrize(
    "text", ["selec 1", "select 1; select 2", "with x as (delete from recipes returning 1) select 1"]
)
def test_what_cannot_be_read_says_so(text: str) -> None:
    """An unparsable statement is an error of its own, with a reason."""
    with pytest.raises(Unparsable):
        shape_of(text, SCHEMA)


UNITED = "(select user_id as who, created_at as at from recipes {} select recipe_id, rating from reviews) x"


@pytest.mark.parametrize("kind", ["union all", "union", "intersect"])
def test_a_condition_on_a_set_operation_reaches_every_branch(kind: str) -> None:
    """An Append is quick only where each of its branches is: both columns, under their own names."""
    found = bodies(f"select * from {UNITED.format(kind)} where who = $1")
    assert {"recipes (user_id)", "reviews (recipe_id)"} <= set(found)
    assert not any(body.startswith("reviews (rating") for body in found)


def test_branches_of_branches_are_reached_too() -> None:
    """Also through a join, a WITH and a view."""
    pair = "select recipe_id from reviews union all select user_id from recipes"
    three = f"select id from visible union all ({pair})"
    for text in (
        f"select * from ({three}) x (who) where who = $1",
        f"with x (who) as ({three}) select * from x join recipes r on r.created_at is null and r.id = x.who",
    ):
        assert {"recipes (user_id)", "reviews (recipe_id)"} <= set(bodies(text)), text


def test_a_branch_keeps_its_own_conditions() -> None:
    """What one branch compares is nothing to the others."""
    text = "select user_id from recipes where user_id = $1 union all select recipe_id from reviews"
    assert not any(body.startswith("reviews") for body in bodies(text))


@pytest.mark.parametrize("group", ["rollup (status, id)", "cube (status, id)", "grouping sets ((id), ())"])
def test_grouping_sets_are_no_keys(group: str) -> None:
    """The rest of such a statement is advised on as ever."""
    order = "order by grouping(id) + 1, status"
    text = f"select count(*) from recipes where user_id = $1 group by {group} {order} limit 5"
    found = bodies(text)
    assert "recipes (user_id)" in found
    assert not any("grouping" in body.lower() or "rollup" in body.lower() for body in found)


conditions = st.lists(
    st.sampled_from(
        [
            "user_id = 1",
            "name = 'a'",
            "name like 'a%'",
            "name ilike '%a%'",
            "created_at > now()",
            "deleted_at is null",
            "not hidden",
            "status in ('x', 'y')",
            "lower(name) = 'b'",
            "data @> '{}'",
            "tags && '{a}'",
            "(user_id = 4 or status = 'z')",
            "id = user_id",
            "exists (select 1 from reviews where recipe_id = recipes.id and rating > 3)",
        ]
    ),
    min_size=1,
    max_size=5,
)
tails = st.sampled_from(["", " order by created_at desc", " order by name, user_id desc limit 5"])


@given(conditions, tails, st.sampled_from(["*", "id, name", "count(*)"]))
def test_every_candidate_is_valid_and_named_once(where: list[str], tail: str, what: str) -> None:
    """PostgreSQL's parser takes each; names are unique and short enough; equal input gives equal output."""
    if what == "count(*)":
        tail = ""
    text = f"select {what} from recipes where {' and '.join(where)}{tail}"
    found = gather(shape_of(text, SCHEMA), SCHEMA)
    names: dict[str, Index] = {}
    for candidate in found:
        index = candidate.index
        assert len(postgast.parse(index.statement()).stmts) == 1
        assert len(postgast.parse(index.definition).stmts) == 1
        assert names.setdefault(index.name, index) == index
        assert len(index.name.encode()) <= 63
        assert not any(index.starts(existing.index) for existing in RECIPES.indexes)
        assert corrected_size(index, SCHEMA.relations[index.relation]) > 0
    assert found == gather(shape_of(text, SCHEMA), SCHEMA)


def test_equal_keys_make_an_index_smaller() -> None:
    """B-trees merge them; an index of few distinct values is a third of one of many."""
    few = corrected_size(Index(RECIPES.name, (Key("status"),)), RECIPES)
    many = corrected_size(Index(RECIPES.name, (Key("id"),)), relation("recipes", column("id", distinct=1e6)))
    assert few < many / 2


def test_the_size_of_a_lowered_column_is_the_columns() -> None:
    """Its values are as wide and as many."""
    lowered = Index(RECIPES.name, (Key("lower(name)", is_column=False),))
    assert corrected_size(lowered, RECIPES) == corrected_size(Index(RECIPES.name, (Key("name"),)), RECIPES)
