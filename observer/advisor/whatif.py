"""A what-if session: one read-only connection that prices statements with hypothetical indexes present."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import psycopg
import psycopg.conninfo
from psycopg import sql

from observer.advisor.names import quote
from observer.advisor.plans import Plan, read_plan
from observer.errors import Malformed, NotAvailable, NotPermitted, ObserverError, TargetUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observer.advisor.indexes import Index
    from observer.advisor.schema import ExistingIndex
    from observer.deadlines import Deadline

APPLICATION = "observer-advisor"

_HIDES_SINCE = (1, 4)
_GENERIC_SINCE = 160000
_GRANT = "GRANT pg_read_all_data TO the role Observer uses"
_UNTYPED = (
    psycopg.errors.UndefinedFunction,
    psycopg.errors.AmbiguousFunction,
    psycopg.errors.IndeterminateDatatype,
    psycopg.errors.DatatypeMismatch,
)
_OID_IN_NAME = re.compile(r"<(\d+)>")


class Unpriceable(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """The planner would not price a statement."""

    code = "unpriced"

    def __init__(self, sentence: str, *, remedy: str = "", untyped: bool = False) -> None:
        super().__init__(sentence, remedy=remedy)
        self.untyped = untyped
        """Whether the server could not tell the type of a parameter, or took it for the wrong one."""


class RejectedIndex(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """HypoPG would not take an index: its expression is not immutable, its type has no operator class."""

    code = "rejected-index"

    def __init__(self, index: Index, reason: str) -> None:
        super().__init__(reason)
        self.index = index


@dataclass(frozen=True, slots=True)
class Question:
    """A statement as it is put to the planner.

    Args:
        name: Of its prepared statement; unique in the session.

        values: Literals for its parameters; None asks for the generic plan. Empty where there are no
        parameters.
    """

    name: str
    text: str
    parameters: int = 0
    values: tuple[str | None, ...] | None = ()


class Session:
    """Prices statements on one connection.

    Args:
        connection: Dedicated to this, in autocommit: no snapshot is held between two questions.

        hypopg: Version of the extension, None where it is missing; prices are then of what stands.

        twins: Definitions of the indexes that stand on the tables in question, by name.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], *, hypopg: str | None, schema: str = "public", version: int
    ) -> None:
        self._connection = connection
        self._hypopg = tuple(int(part) for part in re.findall(r"\d+", hypopg)) if hypopg else ()
        self._schema = schema
        self._version = version
        self._standing: dict[Index, int] = {}
        self._by_oid: dict[int, Index] = {}
        self._twins: dict[int, str] = {}
        self._prepared: set[str] = set()
        self._mode = ""
        self.explained = 0

    def close(self) -> None:
        """Forget every hypothetical index and end the connection."""
        try:
            if self._hypopg and not self._connection.closed:
                self._call("hypopg_reset")
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

    def price(self, question: Question, indexes: Iterable[Index]) -> Plan:
        """The planner's choice for ``question`` when exactly ``indexes`` stand beside what stands already.

        Raises:
            RejectedIndex: HypoPG refuses one of the indexes.

            Unpriceable: The planner refuses the statement.
        """
        try:
            self._stand(frozenset(indexes))
            plan = self._explain(question)
        except psycopg.errors.InsufficientPrivilege as error:
            raise Unpriceable(f"no right to read: {_first_line(error)}", remedy=_GRANT) from error
        except psycopg.errors.QueryCanceled as error:
            raise Unpriceable("the planner did not answer within the statement timeout") from error
        except psycopg.OperationalError as error:
            if self._connection.closed:
                raise TargetUnreachable("the connection was lost") from error
            raise Unpriceable(_first_line(error)) from error
        except psycopg.Error as error:
            if self._connection.closed:
                raise TargetUnreachable("the connection was lost") from error
            raise Unpriceable(_first_line(error)) from error
        self.explained += 1
        return plan

    def sizes(self, indexes: list[Index]) -> list[int]:
        """Bytes as HypoPG estimates them: what other advisors count."""
        self._stand(frozenset(indexes))
        oids = [self._standing[index] for index in indexes]
        query = sql.SQL(
            "SELECT {}(o) FROM pg_catalog.unnest(%s::oid[]) WITH ORDINALITY u(o, n) ORDER BY n"
        ).format(self._function("hypopg_relation_size"))
        return [int(row[0]) for row in self._connection.execute(query, (oids,)).fetchall()]

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

    # Hypothetical indexes.

    def _stand(self, wanted: frozenset[Index]) -> None:
        if not self._hypopg:
            return
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
                raise RejectedIndex(missing[0], _first_line(error)) from error
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

    # Questions.

    def _explain(self, question: Question) -> Plan:
        explain = "EXPLAIN (FORMAT JSON, COSTS ON, VERBOSE OFF"
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
        return read_plan(row[0], self._index_by_name)

    def _index_by_name(self, name: str) -> Index | str:
        match = _OID_IN_NAME.match(name)
        if match is None:
            return name
        oid = int(match.group(1))
        return self._by_oid.get(oid) or self._twins.get(oid, name)

    def _prepare(self, question: Question) -> None:
        if question.name in self._prepared:
            return
        try:
            self._connection.execute(
                sql.SQL("PREPARE {} AS ").format(sql.Identifier(question.name)).as_bytes(self._connection)
                + question.text.encode()
            )
        except psycopg.errors.InsufficientPrivilege as error:
            raise Unpriceable(f"no right to read: {_first_line(error)}", remedy=_GRANT) from error
        except _UNTYPED as error:
            raise Unpriceable(_first_line(error), untyped=True) from error
        except psycopg.Error as error:
            if self._connection.closed:
                raise TargetUnreachable("the connection was lost") from error
            raise Unpriceable(_first_line(error)) from error
        self._prepared.add(question.name)

    def _forget_statement(self, question: Question) -> None:
        if question.name in self._prepared:
            self._connection.execute(sql.SQL("DEALLOCATE {}").format(sql.Identifier(question.name)))
            self._prepared.discard(question.name)

    def _plan_mode(self, mode: str) -> None:
        if mode != self._mode:
            self._connection.execute("SELECT pg_catalog.set_config('plan_cache_mode', %s, false)", (mode,))
            self._mode = mode


def connect(dsn: str, deadline: Deadline, *, statement_timeout: float = 10.0) -> psycopg.Connection[Any]:
    """A connection that can only read, waits for no lock and says whose it is.

    Raises:
        TargetUnreachable: There is none.

        NotPermitted: The server refuses the role.
    """
    settings = {
        "default_transaction_read_only": "on",
        "statement_timeout": f"{int(statement_timeout * 1000)}",
        "lock_timeout": "1000",
        "idle_in_transaction_session_timeout": "60000",
        "jit": "off",
    }
    try:
        given = psycopg.conninfo.conninfo_to_dict(dsn).get("options") or ""
    except psycopg.ProgrammingError:
        # The message would quote the DSN, and the DSN holds a password.
        raise Malformed(
            "the DSN is not understood",
            remedy="write postgresql://user@host:5432/database or host=... dbname=...",
        ) from None
    options = f"{given} " + " ".join(f"-c {name}={value}" for name, value in settings.items())
    try:
        connection = psycopg.connect(
            dsn,
            autocommit=True,
            application_name=APPLICATION,
            options=options,
            connect_timeout=max(2, int(min(10.0, deadline.left()))),
            prepare_threshold=None,
        )
    except psycopg.OperationalError as error:
        text = _first_line(error)
        if "authentication" in text or "permission denied" in text:
            raise NotPermitted(f"the server refused the role: {text}") from error
        if "startup parameter" in text:
            raise TargetUnreachable(
                f"a pooler refused the connection: {text}",
                remedy="give the DSN of PostgreSQL itself: hypothetical indexes live in one server session",
            ) from error
        raise TargetUnreachable(
            f"no connection: {text}",
            remedy="check host, port and database of the DSN, and that the server runs",
        ) from error
    except psycopg.Error as error:
        raise TargetUnreachable(f"no connection: {_first_line(error)}") from error
    return connection


def installed_hypopg(connection: psycopg.Connection[Any]) -> tuple[str, str] | None:
    """Version and schema of HypoPG, or None."""
    row = connection.execute(
        "SELECT e.extversion, n.nspname FROM pg_catalog.pg_extension e"
        " JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hypopg'"
    ).fetchone()
    return (row[0], row[1]) if row else None


def hypopg_missing() -> NotAvailable:
    """Why nothing can be priced, and what to do."""
    return NotAvailable(
        "the extension hypopg is not installed in this database: nothing can be priced, all is hypothesis",
        remedy="install the package (Debian: postgresql-15-hypopg), then run CREATE EXTENSION hypopg here",
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
