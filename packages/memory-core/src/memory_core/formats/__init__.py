"""Memories as files: this product's own text formats, and what other memory systems keep.

`table` has all of them, for whoever reads a file of any; each is a module of its own, for whoever needs just that one.
Needs msgspec and the standard library. Parquet and DuckDB files are the engine's.
"""
