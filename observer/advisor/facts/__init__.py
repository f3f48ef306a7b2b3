"""The facts of a database as they are read from its catalogs: one SQL file beside its reader each."""
