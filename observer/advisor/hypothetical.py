"""The hypothetical indexes of one session: which ones stand, twins of the real ones, sizes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from observer.advisor.names import quote
from observer.advisor.question import RejectedIndex, first_line
from observer.errors import TargetUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observer.advisor.indexes import Index
    from observer.advisor.schema import ExistingIndex

_HIDES_SINCE = (1, 4)
_MOST_TWINS = 1000
_MOST_STANDING = 1000
"""HypoPG has about 2,500 numbers to give in a session; whoever needs more gets an error."""
_BATCH = 500
_OID_IN_NAME = re.compile(r"<(\d+)>")


class Hypothetical:
    """HypoPG in one session.

    Args:
        version: Of the extension, None where it is missing: then nothing stands and nothing is created.

        schema: The extension's.
    """

    def __init__(self, connection: psycopg.Connection[Any], version: str | None, schema: str) -> None:
        self._connection = connection
        self._hypopg = tuple(int(part) for part in re.findall(r"\d+", version)) if version else ()
        self._schema = schema
        self._standing: dict[Index, int] = {}
        self._by_oid: dict[int, Index] = {}
        self._twins: dict[int, str] = {}

    def reset(self) -> None:
        """Forget every one of them."""
        if self._hypopg:
            self._call("hypopg_reset")

    def add_twins(self, standing: Iterable[ExistingIndex]) -> None:
        """Put a hypothetical twin beside each index that stands, and hide the index where HypoPG can.

        Those with a predicate or an expression get none: HypoPG mistakes the relation that these speak of
        wherever it
        is not the first of FROM, and can crash the server over a predicate.

        HypoPG gives a hypothetical index no height, so it is priced without the descent that a real one pays.
        Between
        two sets that both hold the twins that error cancels out.
        """
        if not self._hypopg:
            return
        for existing in standing:
            if existing.index.special or not existing.usable:
                continue
            if len(self._twins) >= _MOST_TWINS:
                break
            name = existing.name
            try:
                for oid, _ in self._call("hypopg_create_index", existing.definition):
                    self._twins[int(oid)] = name
            except psycopg.Error:
                continue  # an access method that HypoPG does not know: the index itself stays visible
            if self._hypopg >= _HIDES_SINCE:
                self._connection.execute(
                    sql.SQL("SELECT {}(pg_catalog.to_regclass(%s)::oid)").format(
                        self._function("hypopg_hide_index")
                    ),
                    (f"{quote(existing.index.relation.schema)}.{quote(name)}",),
                )

    def sizes(self, indexes: list[Index]) -> list[int]:
        """Bytes as HypoPG estimates them: what other advisors count."""
        found: list[int] = []
        for at in range(0, len(indexes), _BATCH):
            found += self._sizes(indexes[at : at + _BATCH])
        return found

    def _sizes(self, indexes: list[Index]) -> list[int]:
        self.stand(frozenset(indexes))
        oids = [self._standing[index] for index in indexes]
        query = sql.SQL(
            "SELECT {}(o) FROM pg_catalog.unnest(%s::oid[]) WITH ORDINALITY u(o, n) ORDER BY n"
        ).format(self._function("hypopg_relation_size"))
        return [int(row[0]) for row in self._connection.execute(query, (oids,)).fetchall()]

    def by_name(self, name: str) -> Index | str:
        """The index that a plan names, a real one's name where it is one."""
        match = _OID_IN_NAME.match(name)
        if match is None:
            return name
        oid = int(match.group(1))
        return self._by_oid.get(oid) or self._twins.get(oid, name)

    def stand(self, wanted: frozenset[Index]) -> None:
        """Exactly these stand afterwards, besides the twins.

        Raises:
            RejectedIndex: HypoPG refuses one of them.
        """
        if not self._hypopg:
            return
        if len(wanted) > _MOST_STANDING:
            # What the planner answers is then an upper bound, and the indexes it uses are among those wanted.
            wanted = frozenset(sorted(wanted)[:_MOST_STANDING])
        surplus = [index for index in self._standing if index not in wanted]
        if surplus:
            oids = [self._standing.pop(index) for index in surplus]
            self._call("hypopg_drop_index", oids)
            for oid in oids:
                del self._by_oid[oid]
        missing = sorted(index for index in wanted if index not in self._standing)
        if missing:
            self._create(missing)

    def _create(self, missing: list[Index]) -> None:
        """All at once; one by one only to find out which one is refused."""
        try:
            made = self._call("hypopg_create_index", [index.definition for index in missing])
        except psycopg.Error as error:
            if self._connection.closed:
                raise TargetUnreachable("the connection was lost") from error
            self._forget()
            if len(missing) == 1:
                raise RejectedIndex(missing[0], first_line(error)) from error
            for index in missing:
                self._create([index])
            return
        for index, (oid, _) in zip(missing, made, strict=True):
            self._standing[index] = int(oid)
            self._by_oid[int(oid)] = index

    def _forget(self) -> None:
        """An error in the middle of a batch leaves the first ones standing: drop what is unaccounted for."""
        known = set(self._by_oid) | set(self._twins)
        rows = self._connection.execute(
            sql.SQL("SELECT indexrelid FROM {}()").format(self._function("hypopg"))
        ).fetchall()
        stray = [int(row[0]) for row in rows if int(row[0]) not in known]
        if stray:
            self._call("hypopg_drop_index", stray)

    def _function(self, name: str) -> sql.Identifier:
        return sql.Identifier(self._schema, name)

    def _call(self, name: str, argument: object = None) -> list[tuple[Any, ...]]:
        function = self._function(name)
        if argument is None:
            return self._connection.execute(sql.SQL("SELECT {}()").format(function)).fetchall()
        if name == "hypopg_drop_index":
            query = sql.SQL("SELECT {}(o) FROM pg_catalog.unnest(%s::oid[]) o").format(function)
            return self._connection.execute(query, (argument,)).fetchall()
        query = sql.SQL(
            "SELECT c.* FROM pg_catalog.unnest(%s::text[]) WITH ORDINALITY d(definition, place),"
            " {}(d.definition) c"
            " ORDER BY d.place"
        ).format(function)
        argument = [argument] if isinstance(argument, str) else argument
        return self._connection.execute(query, (argument,)).fetchall()
