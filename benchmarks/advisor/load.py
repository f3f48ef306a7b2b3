"""Loads TPC-H's tables from CSV files into an empty database."""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg

HERE = Path(__file__).parent
TABLES = ("region", "nation", "part", "supplier", "partsupp", "customer", "orders", "lineitem")
_PIECE = 1 << 20


def main(dsn: str, folder: str) -> None:
    """Create, fill, analyze."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute((HERE / "tpch-schema.sql").read_bytes())
        for table in TABLES:
            with (
                (Path(folder) / f"{table}.csv").open("rb") as source,
                connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT csv, HEADER)") as copy,
            ):
                while piece := source.read(_PIECE):
                    copy.write(piece)
        connection.execute("CREATE EXTENSION IF NOT EXISTS hypopg")
        # Index-only scans are priced by the visibility map: without VACUUM no covering index would look
        # useful.
        connection.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    main(*sys.argv[1:3])
