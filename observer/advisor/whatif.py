"""A what-if session: one read-only connection that prices statements with hypothetical indexes present."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import sql

from observer.advisor.hypothetical import Hypothetical
from observer.advisor.plans import Plan, read_plan
from observer.advisor.question import Question, Unpriceable, first_line
from observer.errors import TargetUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from observer.advisor.indexes import Index

_GENERIC_SINCE = 160000
_GRANT = "GRANT pg_read_all_data TO the role Observer uses"
_UNTYPED = (
    psycopg.errors.UndefinedFunction,
    psycopg.errors.AmbiguousFunction,
    psycopg.errors.IndeterminateDatatype,
    psycopg.errors.DatatypeMismatch,
)


class Session:
    """Prices statements on one connection.

    Args:
        connection: Dedicated to this, in autocommit: no snapshot is held between two questions.

        hypopg: Version of the extension, None where it is missing; prices are then of what stands.

        schema: Where the extension lives.

        version: Of the server, as ``server_version_num`` has it.

        rows_of: Rows of a table by its name.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        *,
        hypopg: str | None,
        schema: str = "public",
        version: int,
        rows_of: Callable[[str], float] = lambda _: 0.0,
    ) -> None:
        self._connection = connection
        self._version = version
        self.hypothetical = Hypothetical(connection, hypopg, schema)
        self._rows_of = rows_of
        self._prepared: set[str] = set()
        self._mode = ""
        self._visits = False
        self.explained = 0

    def close(self) -> None:
        """Forget every hypothetical index and end the connection."""
        try:
            if not self._connection.closed:
                self.hypothetical.reset()
        except psycopg.Error:
            pass  # the connection is lost, and with it everything hypothetical
        finally:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def cancel(self) -> None:
        """Make a running question return; safe from another thread."""
        self._connection.cancel_safe(timeout=2)

    def price(self, question: Question, indexes: Iterable[Index]) -> Plan:
        """The planner's choice for ``question`` when exactly ``indexes`` stand beside what stands already.

        Raises:
            RejectedIndex: HypoPG refuses one of the indexes.

            Unpriceable: The planner refuses the statement.
        """
        try:
            self.hypothetical.stand(frozenset(indexes))
            plan = self._explain(question)
        except psycopg.errors.InsufficientPrivilege as error:
            raise Unpriceable(f"no right to read: {first_line(error)}", remedy=_GRANT) from error
        except psycopg.errors.QueryCanceled as error:
            raise Unpriceable("the planner did not answer within the statement timeout") from error
        except psycopg.OperationalError as error:
            if self._connection.closed:
                raise TargetUnreachable("the connection was lost") from error
            raise Unpriceable(first_line(error)) from error
        except psycopg.Error as error:
            if self._connection.closed:
                raise TargetUnreachable("the connection was lost") from error
            raise Unpriceable(first_line(error)) from error
        self.explained += 1
        return plan

    def parameter_types(self, question: Question) -> tuple[str, ...]:
        """Types that the server infers for a statement's parameters.

        Raises:
            Unpriceable: The server refuses the statement.
        """
        self._prepare(question)
        row = self._connection.execute(
            "SELECT parameter_types::text[] FROM pg_catalog.pg_prepared_statements WHERE name = %s",
            (question.name,),
        ).fetchone()
        return tuple(row[0]) if row else ()

    # Questions.

    def _explain(self, question: Question) -> Plan:
        explain = "EXPLAIN (FORMAT JSON, COSTS ON, VERBOSE OFF"
        self._index_only_scans(not question.visits)
        if not question.parameters:
            return self._read(f"{explain}) {question.text}")
        if question.values is None and self._version >= _GENERIC_SINCE:
            return self._read(f"{explain}, GENERIC_PLAN ON) {question.text}")
        generic = question.values is None
        if generic:
            self._forget_statement(
                question
            )  # a generic plan is kept, and knows nothing of new hypothetical indexes
        self._prepare(question)
        self._plan_mode("force_generic_plan" if generic else "force_custom_plan")
        values = question.values if question.values is not None else (None,) * question.parameters
        literals = sql.SQL(", ").join(
            sql.Literal(value) if value is not None else sql.NULL for value in values
        )
        call = sql.SQL("{}) EXECUTE {}({})").format(
            sql.SQL(explain),
            sql.Identifier(question.name),
            literals,
        )
        return self._read(call.as_string(self._connection))

    def _read(self, text: str) -> Plan:
        row = self._connection.execute(text.encode()).fetchone()
        assert row is not None  # noqa: S101 - EXPLAIN always returns its one row
        return read_plan(row[0], self.hypothetical.by_name, self._rows_of)

    def _prepare(self, question: Question) -> None:
        if question.name in self._prepared:
            return
        try:
            self._connection.execute(
                sql.SQL("PREPARE {} AS ").format(sql.Identifier(question.name)).as_bytes(self._connection)
                + question.text.encode()
            )
        except psycopg.errors.InsufficientPrivilege as error:
            raise Unpriceable(f"no right to read: {first_line(error)}", remedy=_GRANT) from error
        except _UNTYPED as error:
            raise Unpriceable(first_line(error), untyped=True) from error
        except psycopg.Error as error:
            if self._connection.closed:
                raise TargetUnreachable("the connection was lost") from error
            raise Unpriceable(first_line(error)) from error
        self._prepared.add(question.name)

    def _forget_statement(self, question: Question) -> None:
        if question.name in self._prepared:
            self._connection.execute(sql.SQL("DEALLOCATE {}").format(sql.Identifier(question.name)))
            self._prepared.discard(question.name)

    def _plan_mode(self, mode: str) -> None:
        if mode != self._mode:
            self._connection.execute("SELECT pg_catalog.set_config('plan_cache_mode', %s, false)", (mode,))
            self._mode = mode

    def _index_only_scans(self, allowed: bool) -> None:
        if allowed == self._visits:
            self._connection.execute(
                "SELECT pg_catalog.set_config('enable_indexonlyscan', %s, false)",
                ("on" if allowed else "off",),
            )
            self._visits = not allowed
