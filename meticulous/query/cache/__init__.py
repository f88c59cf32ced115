"""The disposable SQLite index over the run folders."""
