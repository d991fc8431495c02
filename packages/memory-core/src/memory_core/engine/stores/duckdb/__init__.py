"""The embedded store: everything in one DuckDB file that the plain `duckdb` command reads too."""

from memory_core.engine.stores.duckdb.store import DuckDBStore, open_store

__all__ = ["DuckDBStore", "open_store"]
