"""How an agent comes to its memory: where agents keep their configuration, and edits of it that can be taken back."""
