"""What `claude-memory doctor` looks at. Each module asks one side; none of them prints, or ends the command."""
