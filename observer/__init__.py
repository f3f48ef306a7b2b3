"""Observer: metrics, rules, dashboards, index advice and alerts for PostgreSQL, pools and Redis."""

__version__ = "0.1.0"
