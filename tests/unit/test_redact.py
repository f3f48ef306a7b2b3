"""No constant, comment or unquoted setting of a statement's text leaves the process."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.redact import cut, redact_statement

CANARY = "c4n4ry"

NOISE = st.text(alphabet="abE$1'\"\\/*-+;.()?\n\r\t é€", max_size=6)
INSIDE = st.text(alphabet='abc$1"/*-;. é€\n', max_size=6)
"""What may stand within any literal without ending it."""


def plain(inside: str) -> str:
    return f"'{inside}{CANARY}''{inside}'"


def escaped(inside: str) -> str:
    return f"E'{inside}\\'{CANARY}\\\\{inside}'"


def continued(inside: str) -> str:
    return f"E'{inside}' -- more\n  '\\'{CANARY}'"


def dollar(inside: str) -> str:
    return f"$tag${inside.replace('$', '')}'{CANARY}\\$tag$"


def dollar_of_letters_beyond_ascii(inside: str) -> str:
    return f"$€é$ {inside.replace('$', '')} {CANARY} $€é$"


def bare_dollar(inside: str) -> str:
    return f"$${inside.replace('$', '')} {CANARY} $$"


def unicode_string(inside: str) -> str:
    return f"U&'{inside}\\0061{CANARY}' UESCAPE '!'"


def national(inside: str) -> str:
    return f"N'{inside}{CANARY}'"


def line_comment(inside: str) -> str:
    return f"-- {inside.replace(chr(10), '')} '{CANARY}\n"


def line_comment_of_old_machines(_: str) -> str:
    return f"-- it's\r'\n{CANARY}'"


def block_comment(inside: str) -> str:
    return f"/* {inside.replace('*', '').replace('/', '')} /* nested */ '{CANARY} */"


LITERALS = st.one_of(
    *(
        st.builds(build, INSIDE)
        for build in (
            plain,
            escaped,
            continued,
            dollar,
            dollar_of_letters_beyond_ascii,
            bare_dollar,
            unicode_string,
            national,
            line_comment,
            line_comment_of_old_machines,
            block_comment,
        )
    )
)


@given(LITERALS, st.sampled_from(["ALTER ROLE app PASSWORD ", "SELECT ", "x = ", "f(", '"a b" = ', "$1, "]))
def test_no_literal_survives(literal: str, before: str) -> None:
    """Whatever kind of literal or comment it stands in, the canary is gone."""
    assert CANARY not in redact_statement(f"{before}{literal} , $1")


@given(LITERALS, LITERALS, LITERALS)
def test_literals_do_not_uncover_each_other(one: str, two: str, three: str) -> None:
    """One literal's end is found where the server finds it, so that the next is found as well."""
    assert CANARY not in redact_statement(f"SELECT {one} , {two} , {three} ;")


@given(LITERALS, st.data())
def test_a_text_may_be_cut_off_anywhere(literal: str, data: st.DataObject) -> None:
    """An unterminated rest is removed to the end."""
    end = data.draw(st.integers(0, len(literal)))
    assert CANARY not in redact_statement("SELECT " + literal[:end])


@given(st.integers(100000, 10**18), st.sampled_from(["", ".5", "e10", ".25E-3"]))
def test_numbers_are_constants(whole: int, rest: str) -> None:
    """Account numbers are data too, wherever they stand."""
    for text in (f"SELECT {whole}{rest}", f"f(-{whole}{rest})", f'"a"{whole}', f"1..{whole}", f".{whole}"):
        assert str(whole) not in redact_statement(text)


@given(NOISE, LITERALS, NOISE)
def test_any_text_is_borne(before: str, literal: str, after: str) -> None:
    """Texts that are no SQL at all are redacted without an error, and grow by no more than marks."""
    once = redact_statement(before + literal + after)
    assert isinstance(once, str)
    assert len(once) <= len(before + literal + after) + 5


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"ALTER ROLE app PASSWORD '{CANARY}'", "ALTER ROLE app PASSWORD ?"),
        (f"ALTER ROLE app WITH LOGIN PASSWORD E'{CANARY}'", "ALTER ROLE app WITH LOGIN PASSWORD ?"),
        (f"CREATE USER u ENCRYPTED PASSWORD $${CANARY}$$", "CREATE USER u ENCRYPTED PASSWORD ?"),
        (
            f"CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'u', password '{CANARY}')",
            "CREATE USER MAPPING FOR app SERVER s OPTIONS (user ?, password ?)",
        ),
        (f"SET app.token TO {CANARY}", "SET app.token = ?"),
        (f"SET LOCAL app.token = {CANARY}, {CANARY}", "SET LOCAL app.token = ?"),
        (f'set session "my app"."a token" to {CANARY}', 'set session "my app"."a token" = ?'),
        (f"SET app.a$b = {CANARY}", "SET app.a$b = ?"),
        (f"ALTER ROLE app IN DATABASE d SET app.token TO {CANARY}",
         "ALTER ROLE app IN DATABASE d SET app.token = ?"),
        (f"ALTER DATABASE d SET app.token = '{CANARY}'", "ALTER DATABASE d SET app.token = ?"),
        (f"ALTER SYSTEM SET primary_conninfo = 'password={CANARY}'", "ALTER SYSTEM SET primary_conninfo = ?"),
        (f"ALTER FUNCTION f(int) SET app.token TO {CANARY}", "ALTER FUNCTION f(int) SET app.token = ?"),
        (
            f"CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql SET a.b TO {CANARY} AS 'SELECT 1'",
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql SET a.b = ?",
        ),
        (f"COPY t FROM PROGRAM 'curl -u x:{CANARY} http://h'", "COPY t FROM PROGRAM ?"),
        (f"CREATE SUBSCRIPTION s CONNECTION 'password={CANARY}' PUBLICATION p",
         "CREATE SUBSCRIPTION s CONNECTION ? PUBLICATION p"),
        (f"DO $do$ BEGIN PERFORM '{CANARY}'; END $do$", "DO ?"),
        (f"NOTIFY c, '{CANARY}'", "NOTIFY c, ?"),
        (f"SELECT 'it\\'s', {CANARY} '", "SELECT ?"),
        (f"SELECT $1 -- {CANARY}", "SELECT $1"),
    ],
)  # fmt: skip
def test_statements_that_hold_secrets(text: str, redacted: str) -> None:
    """What people really write; the form of the statement stays readable."""
    assert redact_statement(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id, name FROM users WHERE id = $1 AND name LIKE $2 LIMIT $3",
        'SELECT "Two  Words", "with ""quotes""" FROM "Schema"."Table" WHERE "a\'b" = $1',
        "UPDATE t SET a = $1, b = b + $2 WHERE c IN ($3 /*, ... */)".replace(" /*, ... */", ""),
        "SELECT a::text, b[$1], c->>$2 FROM t1 JOIN t2 USING (x1) WHERE e1 <> $3",
        "SELECT größe, a$b FROM tabelle",
        "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id",
        "ALTER TABLE t ALTER COLUMN c SET NOT NULL",
    ],
)
def test_normalised_texts_stay_as_they_are(text: str) -> None:
    """Parameters, identifiers and operators are what a reader needs."""
    assert redact_statement(text) == text


def test_white_space_is_folded() -> None:
    """A text of many lines becomes one; what is quoted keeps its own."""
    assert redact_statement(' SELECT\n\t a ,\r\n "b  c"\n') == 'SELECT a , "b  c"'


def test_cut() -> None:
    """A text that was cut says so, and has at most the given length."""
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"
