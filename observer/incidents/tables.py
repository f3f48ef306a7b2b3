"""The tables of incidents, as the store's first revision made them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Integer, MetaData, Table, Text

_metadata = MetaData()

incident = Table(
    "incident",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("receiver", Text, nullable=False),
    Column("external_url", Text, nullable=False),
    Column("group_labels", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("truncated", Integer, nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("resolved_at", Float),
    Column("evidence", Text),
    Column("evidence_at", Float),
)

incident_key = Table(
    "incident_key",
    _metadata,
    Column("group_key", Text, primary_key=True),
    Column("incident_id", Integer, nullable=False),
)

incident_alert = Table(
    "incident_alert",
    _metadata,
    Column("incident_id", Integer, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("firing", Boolean, nullable=False),
    Column("ending", Text, nullable=False),
    Column("starts_at", Float, nullable=False),
    Column("ends_at", Float),
    Column("ended_seen_at", Float),
    Column("missing_since", Float),
    Column("contested_at", Float),
    Column("labels", Text, nullable=False),
    Column("annotations", Text, nullable=False),
    Column("generator_url", Text, nullable=False),
)

delivery = Table(
    "delivery",
    _metadata,
    Column("incident_id", Integer, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("delivery_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("wanted_hash", Text, nullable=False),
    Column("wanted_at", Float, nullable=False),
    Column("delivered_hash", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("ts", Text, nullable=False),
    Column("attempted_at", Float),
    Column("posted_at", Float),
    Column("late", Float, nullable=False),
    Column("possible_duplicates", Integer, nullable=False),
    Column("reposts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("dead_at", Float),
)
