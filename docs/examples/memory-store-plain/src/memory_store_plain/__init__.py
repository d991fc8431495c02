"""A store for Claude Memory in plain Python: one value, and one file that holds it."""
