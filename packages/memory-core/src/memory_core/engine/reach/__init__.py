"""What a key that is limited to some projects can see and change: those, and nothing that tells of others.

The limit stands between the verbs and the store, where every question passes: what lies outside is not there. A scope
is narrowed before the store looks, an id of another project is as unknown as one that was never given, of a memory that
came from elsewhere only the states within are shown, and nothing can be moved out.
"""
