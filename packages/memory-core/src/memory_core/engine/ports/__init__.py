"""The narrow contracts of the engine: a Store keeps rows and finds them, an Embedder turns text into vectors.

Both are plain blocking functions; the service keeps them off the event loop. A Store may be called from several
threads at once. Terms, ids, times and ranking constants are made above the Store, so that every store holds the same
and ranks alike. A Store never sees a model, an Embedder never sees a memory.

A store is three protocols, one within the other: `rows` (what the verbs ask), `transaction` (what happens together),
`store` (both, and what keeps it in order). What it can do besides, other modules ask for with protocols of their own:
`backups.ports.BacksUp`, `doctor.Examinable`, `watching.Watchable`.
"""

from memory_core.engine.ports.models import Embedder, EmbedderOptions, Reranker
from memory_core.engine.ports.questions import Candidate, Counts, ModelChangedError, Probe, QueryVector, Usage, Wanted
from memory_core.engine.ports.rows import Rows
from memory_core.engine.ports.states import Act, Answer, EmbeddedEntry, Entry, Latest, Past, Pending
from memory_core.engine.ports.store import Store, StoreOptions
from memory_core.engine.ports.transaction import Transaction
from memory_core.engine.ports.vectors import KeptModel, ModelIdentity, Vectors, check_vectors
from memory_core.engine.selections import AliasChange, KeptProject, Movable, Selection

__all__ = [
    "Act",
    "AliasChange",
    "Answer",
    "Candidate",
    "Counts",
    "EmbeddedEntry",
    "Embedder",
    "EmbedderOptions",
    "Entry",
    "KeptModel",
    "KeptProject",
    "Latest",
    "ModelChangedError",
    "ModelIdentity",
    "Movable",
    "Past",
    "Pending",
    "Probe",
    "QueryVector",
    "Reranker",
    "Rows",
    "Selection",
    "Store",
    "StoreOptions",
    "Transaction",
    "Usage",
    "Vectors",
    "Wanted",
    "check_vectors",
]
