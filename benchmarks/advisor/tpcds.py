"""Writes TPC-DS into a folder: tables as CSV files, their definitions, and the 99 queries.

Runs in the environment of requirements.txt: DuckDB's extension has generator and queries.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

KEYS = {
    "call_center": "cc_call_center_sk",
    "catalog_page": "cp_catalog_page_sk",
    "catalog_returns": "cr_item_sk, cr_order_number",
    "catalog_sales": "cs_item_sk, cs_order_number",
    "customer": "c_customer_sk",
    "customer_address": "ca_address_sk",
    "customer_demographics": "cd_demo_sk",
    "date_dim": "d_date_sk",
    "household_demographics": "hd_demo_sk",
    "income_band": "ib_income_band_sk",
    "inventory": "inv_date_sk, inv_item_sk, inv_warehouse_sk",
    "item": "i_item_sk",
    "promotion": "p_promo_sk",
    "reason": "r_reason_sk",
    "ship_mode": "sm_ship_mode_sk",
    "store": "s_store_sk",
    "store_returns": "sr_item_sk, sr_ticket_number",
    "store_sales": "ss_item_sk, ss_ticket_number",
    "time_dim": "t_time_sk",
    "warehouse": "w_warehouse_sk",
    "web_page": "wp_web_page_sk",
    "web_returns": "wr_item_sk, wr_order_number",
    "web_sales": "ws_item_sk, ws_order_number",
    "web_site": "web_site_sk",
}
"""The primary keys of the specification, which DuckDB's tables do not have."""


def main(folder: str, scale: str = "1") -> None:
    """Generate in memory and write; about 1.5 GB and two minutes at scale factor 1."""
    root = Path(folder)
    (root / "queries").mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as made:
        made.execute(f"CALL dsdgen(sf={float(scale)})")
        tables = []
        for table, key in KEYS.items():
            # DESCRIBE of the table alone gives some columns in another order than the data have.
            columns = made.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
            parts = ", ".join(f"{name} {kind}" for name, kind, *_ in columns)
            tables.append(f"CREATE TABLE {table} ({parts}, PRIMARY KEY ({key}));\n")
            made.execute(f"COPY {table} TO '{root / table}.csv' (FORMAT csv, HEADER)")
        (root / "schema.sql").write_text("".join(tables), encoding="utf-8")
        for number, text in made.execute("FROM tpcds_queries()").fetchall():
            (root / "queries" / f"{number:02}.sql").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:3])
