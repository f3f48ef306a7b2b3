"""The migrations of the store, run by Alembic in a child process."""
