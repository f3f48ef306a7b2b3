"""Observer's own state on disk: one SQLite file, one writer, versions that migrate forward."""
