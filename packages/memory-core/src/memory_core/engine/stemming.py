"""The English stemmer alone.

`import snowballstemmer` loads all of its thirty languages: 9 MB and 0.1 s of every start, for one that is used. So its
folder is made known here under a name of our own, and one module of it is imported.
"""

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from typing import Protocol, cast

_PACKAGE = "memory_core.engine._snowball"


class Stemmer(Protocol):
    """Keeps the word it works on in itself: for one thread at a time."""

    def stemWord(self, word: str) -> str: ...  # noqa: N802 - the library's name


def english_stemmer() -> Stemmer:
    """Raises ModuleNotFoundError where snowballstemmer is not installed."""
    if _PACKAGE not in sys.modules:
        found = importlib.util.find_spec("snowballstemmer")
        if found is None or found.submodule_search_locations is None:
            raise ModuleNotFoundError("No module named 'snowballstemmer'", name="snowballstemmer")
        spec = ModuleSpec(_PACKAGE, None, is_package=True)
        spec.submodule_search_locations = found.submodule_search_locations
        sys.modules[_PACKAGE] = importlib.util.module_from_spec(spec)
    module = importlib.import_module(f"{_PACKAGE}.english_stemmer")
    return cast("Stemmer", module.EnglishStemmer())  # a module that is found by its name has no types
