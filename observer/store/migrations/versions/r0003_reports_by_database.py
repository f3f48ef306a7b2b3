"""Which database a report is about: those of one target are compared with their own kind only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("report", sa.Column("database", sa.Text, nullable=False, server_default=""))
    # Reports have always named their database within.
    op.execute(
        "UPDATE report SET database = coalesce(json_extract(document, '$.database'), '')"
        " WHERE json_valid(document)"
    )
    op.drop_index("report_kind", "report")
    op.create_index("report_kind", "report", ["kind", "target", "database", "id"])
