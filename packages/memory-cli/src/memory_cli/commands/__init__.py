"""The commands, one module a theme. Each function is a command; its docstring is what `--help` shows."""
