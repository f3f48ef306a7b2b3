"""What one more index costs those who write: CPU of the server for each row, by kind of index."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from psycopg import sql

from observer.demo.servers import PostgresServer, ordinary_account, private_directory

if TYPE_CHECKING:
    import psycopg

ROWS = 1_000_000
WRITTEN = 100_000
ROUNDS = 3
SETTINGS = {
    "shared_buffers": "1GB",
    "full_page_writes": "on",
    "max_wal_size": "4GB",
    "maintenance_work_mem": "256MB",
    "autovacuum": "off",
    "jit": "off",
    "max_parallel_maintenance_workers": "0",
    "shared_preload_libraries": "",
}
TABLE = """
DROP TABLE IF EXISTS written;
CREATE TABLE written (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL,
    person integer NOT NULL, code text NOT NULL, state integer NOT NULL, note text NOT NULL,
    counter integer NOT NULL DEFAULT 0)
    WITH (fillfactor = 80);
INSERT INTO written (at, person, code, state, note)
SELECT timestamptz '2026-01-01' + n * interval '1 second', hashint4(n) & 131071, md5(n::text), n % 5,
    repeat('n', 80) FROM generate_series(1, {rows}) n;
CREATE INDEX written_id ON written (id);
"""
INDEXES = {
    "none": "",
    "in order (at)": "(at)",
    "at random (person)": "(person)",
    "at random, text of 32 (code)": "(code)",
    "few values (state)": "(state)",
    "three keys (person, state, at)": "(person, state, at)",
    "covering (person) INCLUDE (note)": "(person) INCLUDE (note)",
    "partial, a fifth (person) WHERE state = 1": "(person) WHERE state = 1",
    "BRIN (at)": "USING brin (at)",
}
ROW = """timestamptz '2027-01-01' + n * interval '1 second', hashint4(n + 7) & 131071, md5((-n)::text), n % 5,
    repeat('n', 80)"""
ONE_BY_ONE = f"""DO $$ BEGIN FOR n IN 1..{WRITTEN} LOOP
    INSERT INTO written (at, person, code, state, note) SELECT {ROW};
END LOOP; END $$"""
AT_ONCE = (
    f"INSERT INTO written (at, person, code, state, note) SELECT {ROW} FROM generate_series(1, {WRITTEN}) n"
)
PLACES = f"SELECT (hashint4(n + 13) & 1048575) % {ROWS} + 1 AS place FROM generate_series(1, {WRITTEN}) n"
UPDATE = f"""DO $$ DECLARE place bigint; BEGIN FOR place IN {PLACES} LOOP
    UPDATE written SET {{change}} WHERE id = place;
END LOOP; END $$"""
CHANGE = "person = person + 1, state = 4 - state, at = now(), code = code || 'x'"
DELETE = f"DELETE FROM written WHERE id % {ROWS // WRITTEN // 2} = 0"
VACUUM = "VACUUM (INDEX_CLEANUP on, PARALLEL 0, TRUNCATE off) written"


def busy(connection: psycopg.Connection[Any]) -> float:
    """Seconds that the session's process has run, to the nanosecond."""
    return int(Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text().split()[0]) / 1e9


def timed(connection: psycopg.Connection[Any], text: str, rows: int = WRITTEN) -> float:
    """Microseconds of CPU for each row."""
    connection.execute("CHECKPOINT")
    begun = busy(connection)
    connection.execute(text.encode())
    return (busy(connection) - begun) / rows * 1e6


def measured(server: PostgresServer, index: str) -> dict[str, float]:
    """Each kind of write, on a table made afresh, with this index beside that of the key."""
    found = {}
    with server.connect("postgres") as connection:
        connection.execute(TABLE.format(rows=ROWS).encode())
        if index:
            connection.execute(sql.SQL("CREATE INDEX ON written ") + sql.SQL(index))  # type: ignore[arg-type]
        connection.execute("VACUUM ANALYZE written")
        found["insert, one by one"] = timed(connection, ONE_BY_ONE)
        found["insert, at once"] = timed(connection, AT_ONCE)
        connection.execute(VACUUM.encode())
        found["update of another column"] = timed(connection, UPDATE.format(change="counter = counter + 1"))
        connection.execute(VACUUM.encode())
        found["update of its columns"] = timed(connection, UPDATE.format(change=CHANGE))
        connection.execute(VACUUM.encode())
        found["delete"] = timed(connection, DELETE, 2 * WRITTEN)
        found["vacuum, for each dead row"] = timed(connection, VACUUM, 2 * WRITTEN)
    return found


def main() -> None:
    """Print the table: without the index, and what it adds."""
    with ExitStack() as stack:
        root = stack.enter_context(private_directory(account=ordinary_account()))
        server = stack.enter_context(PostgresServer.create(root / "server", settings=SETTINGS))
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in INDEXES}
        for _ in range(ROUNDS):
            for name, index in INDEXES.items():
                rounds[name].append(measured(server, index))
                print(name, rounds[name][-1], file=sys.stderr, flush=True)
    writes = list(rounds["none"][0])
    print("| index | " + " | ".join(writes) + " |")
    print("|---|" + "--:|" * len(writes))
    base = {write: median(one[write] for one in rounds["none"]) for write in writes}
    for name, made in rounds.items():
        cells = [
            median(one[write] for one in made) - (base[write] if name != "none" else 0) for write in writes
        ]
        print(f"| {name} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
