"""How similar a model finds texts that have nothing to do with each other.

Every model has its own idea of zero: all-MiniLM-L6-v2 gives unrelated texts a cosine of 0.05, others 0.7. What a
cosine says of relevance is how far it lies above that, so it is measured once, when a model is loaded.
"""

import numpy as np

from memory_core.engine.ports import Embedder

_QUERIES = (
    "how do I reset the router",
    "which colour did the client choose",
    "when is the dentist appointment",
    "what broke the build yesterday",
    "who maintains the billing service",
    "where are the backups kept",
    "how long does the migration take",
    "which version of Python do we need",
)
_TEXTS = (
    "Ana prefers tabs over spaces",
    "Grandmother's recipe needs two spoons of cinnamon",
    "The quarterly report is due next Tuesday",
    "My flight to Lisbon leaves at seven in the morning",
    "The parser fails on an empty header line",
    "The cat was vaccinated last year",
    "Memory grows when the cache is never cleared",
    "The museum is closed on Mondays",
)
_HIGHEST = 0.95  # a model that finds everything alike still ranks; dividing by nothing would not


def noise_of(embedder: Embedder) -> float:
    """The mean cosine over 64 pairs of a question and a text that does not answer it, 0..0.95."""
    queries = np.stack([embedder.embed_query(query) for query in _QUERIES])
    return float(np.clip((queries @ embedder.embed(_TEXTS).T).mean(), 0.0, _HIGHEST))


def above_noise(cosine: float, noise: float) -> float:
    """How near in meaning two texts are, 0..1, whichever model it was that compared them."""
    return min(1.0, max(0.0, (cosine - noise) / (1 - noise)))
