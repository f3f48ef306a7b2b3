"""Queries of the user's own: ``.sql`` files with a header, and postgres_exporter's ``queries.yaml``."""
