"""Readers of other memory systems, one a module. They share `draft`, `frontmatter`, `outline` and `sqlite`."""
