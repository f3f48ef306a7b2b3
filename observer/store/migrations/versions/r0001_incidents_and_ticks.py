"""Incidents, what was delivered of them, and the ticks of jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "job_tick",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("tick", sa.BigInteger, primary_key=True),
        sa.Column("claimed_at", sa.Float, nullable=False),
        sa.Column("finished_at", sa.Float),
        sa.Column("outcome", sa.Text),
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("external_url", sa.Text, nullable=False),
        sa.Column("group_labels", sa.Text, nullable=False),
        sa.Column("severity", sa.Integer, nullable=False),
        sa.Column("truncated", sa.Integer, nullable=False),
        sa.Column("opened_at", sa.Float, nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
        sa.Column("resolved_at", sa.Float),
        sa.Column("evidence", sa.Text),
        sa.Column("evidence_at", sa.Float),
        sqlite_autoincrement=True,
    )
    op.create_index("incident_open", "incident", ["id"], sqlite_where=sa.text("resolved_at IS NULL"))
    op.create_index("incident_resolved", "incident", ["resolved_at"])
    op.create_table(
        "incident_key",
        sa.Column("group_key", sa.Text, primary_key=True),
        sa.Column(
            "incident_id", sa.Integer, sa.ForeignKey("incident.id", ondelete="CASCADE"), nullable=False
        ),
    )
    op.create_index("incident_key_incident", "incident_key", ["incident_id"])
    op.create_table(
        "incident_alert",
        sa.Column(
            "incident_id", sa.Integer, sa.ForeignKey("incident.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("fingerprint", sa.Text, primary_key=True),
        sa.Column("firing", sa.Boolean, nullable=False),
        sa.Column("ending", sa.Text, nullable=False),
        sa.Column("starts_at", sa.Float, nullable=False),
        sa.Column("ends_at", sa.Float),
        sa.Column("ended_seen_at", sa.Float),
        sa.Column("missing_since", sa.Float),
        sa.Column("contested_at", sa.Float),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("annotations", sa.Text, nullable=False),
        sa.Column("generator_url", sa.Text, nullable=False),
    )
    op.create_index("incident_alert_fingerprint", "incident_alert", ["fingerprint", "incident_id"])
    op.create_table(
        "delivery",
        sa.Column(
            "incident_id", sa.Integer, sa.ForeignKey("incident.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("part", sa.Text, primary_key=True),
        sa.Column("delivery_id", sa.Text, nullable=False, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("wanted_hash", sa.Text, nullable=False),
        sa.Column("wanted_at", sa.Float, nullable=False),
        sa.Column("delivered_hash", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("ts", sa.Text, nullable=False),
        sa.Column("attempted_at", sa.Float),
        sa.Column("posted_at", sa.Float),
        sa.Column("late", sa.Float, nullable=False),
        sa.Column("possible_duplicates", sa.Integer, nullable=False),
        sa.Column("reposts", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("dead_at", sa.Float),
    )
    op.create_index("delivery_state", "delivery", ["state"])
