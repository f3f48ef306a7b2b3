"""What statements did over time, the reports that were made of it, and the indexes they advised."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "statement_mark",
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("database", sa.Text, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("entries", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "statement_window",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("database", sa.Text, nullable=False),
        sa.Column("grain", sa.Integer, nullable=False),
        sa.Column("bucket", sa.Integer, nullable=False),
        sa.Column("began", sa.Float, nullable=False),
        sa.Column("ended", sa.Float, nullable=False),
        sa.Column("entries", sa.LargeBinary, nullable=False),
    )
    op.create_index("statement_window_ended", "statement_window", ["target", "database", "ended"])
    op.create_index("statement_window_grain", "statement_window", ["grain", "ended"])
    op.create_table(
        "report",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("made_at", sa.Float, nullable=False),
        sa.Column("headline", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("changes", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("report_kind", "report", ["kind", "target", "id"])
    op.create_index("report_made_at", "report", ["made_at"])
    op.create_table(
        "advised_index",
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("database", sa.Text, primary_key=True),
        sa.Column("relation", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("ddl", sa.Text, nullable=False),
        sa.Column("advised_at", sa.Float, nullable=False),
        sa.Column("statements", sa.Text, nullable=False),
        sa.Column("built_at", sa.Float),
    )
