"""What lies in the data folder beside the store, by name: who needs only that imports no database for it."""

ACCESS = "access.sqlite"
ACCESS_USES = "access-used.json"
SESSIONS = "sessions.sqlite"
