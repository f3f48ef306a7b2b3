"""Loads TPC-H's or TPC-DS's tables from CSV files into an empty database."""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg
from psycopg import sql

HERE = Path(__file__).parent
TABLES = ("region", "nation", "part", "supplier", "partsupp", "customer", "orders", "lineitem")
_PIECE = 1 << 20


def main(dsn: str, folder: str) -> None:
    """Create, fill, analyze; tables are TPC-H's where the folder does not define its own."""
    own = Path(folder) / "schema.sql"
    schema = own if own.exists() else HERE / "tpch-schema.sql"
    tables = sorted(path.stem for path in Path(folder).glob("*.csv")) if own.exists() else TABLES
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(schema.read_bytes())
        for table in tables:
            command = sql.SQL("COPY {} FROM STDIN (FORMAT csv, HEADER)").format(sql.Identifier(table))
            with (
                (Path(folder) / f"{table}.csv").open("rb") as source,
                connection.cursor().copy(command) as copy,
            ):
                while piece := source.read(_PIECE):
                    copy.write(piece)
        connection.execute("CREATE EXTENSION IF NOT EXISTS hypopg")
        # Index-only scans are priced by the visibility map: without VACUUM no covering index would look
        # useful.
        connection.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    main(*sys.argv[1:3])
