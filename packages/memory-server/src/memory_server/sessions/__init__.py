"""Sessions of agents: a journal of what each was told and has said, and the memory that each comes to.

The journal is `sessions.sqlite` beside the store, and serves delivery alone: without it, every memory is still there.
What a session comes to is a memory like any other, written through the verbs of `Memories`.
"""
