"""Text into tokens, and long text into pieces that a model reads whole.

Truncation and padding are ours: what a tokenizer.json says of them is left over from its training.
"""

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Encoding
from tokenizers import Tokenizer as Library

from memory_core.engine.embedders.borders import border
from memory_core.engine.embedders.card import ModelCard
from memory_core.errors import ModelUnavailableError


class Tokens:
    """A model's tokenizer. Thread-safe: nothing of it changes after it is made."""

    def __init__(self, folder: Path, card: ModelCard) -> None:
        self._library = _library(folder)
        self._card = card
        self.budget = card.max_tokens - self._library.num_special_tokens_to_add(is_pair=False)
        self.padding = _padding(self._library)

    def ids(self, text: str) -> list[int]:
        """With special tokens, cut to what the model reads."""
        encoding = self._encode(text)
        encoding.truncate(self.budget)
        ids: list[int] = self._library.post_process(encoding).ids
        return ids

    def pieces(self, text: str) -> list[str]:
        """`text` cut at paragraphs, lines, sentences or words, in this order of preference. Joined they are `text`."""
        budget = self.budget - len(self._encode(self._card.document_prompt).ids)
        spans = self._library.encode(text, add_special_tokens=False).offsets
        ends = [end for _, end in spans]
        pieces, start = [], 0
        while start < len(text):
            beyond = bisect_right(ends, start) + budget  # the first token that does not fit
            limit = spans[beyond][0] if beyond < len(spans) else len(text)
            end = self._end_of_piece(text, start, max(limit, start + 1), budget)
            pieces.append(text[start:end])
            start = end
        return pieces or [""]

    def _end_of_piece(self, text: str, start: int, limit: int, budget: int) -> int:
        end = border(text, start, limit)
        # A piece can have more tokens alone than it had in the whole: a word that was cut is read anew.
        while end - start > 1 and len(self._encode(text[start:end]).ids) > budget:
            end = border(text, start, start + (end - start) * 7 // 8)
        return end

    def _encode(self, text: str) -> Encoding:
        return self._library.encode(text.lower() if self._card.lower_case else text, add_special_tokens=False)


class PairTokens:
    """A tokenizer for two texts at once, with what the model wants between them. Thread-safe as well."""

    def __init__(self, folder: Path, card: ModelCard) -> None:
        self._library = _library(folder)
        # Of a pair that is too long the longer text is cut first, so that a long memory does not push out the query.
        self._library.enable_truncation(card.max_tokens, strategy="longest_first")
        self.padding = _padding(self._library)

    def pairs(self, first: str, seconds: Sequence[str]) -> list[Encoding]:
        """`ids` and `type_ids` of `first` with each of `seconds`, special tokens included."""
        return [self._library.encode(first, second) for second in seconds]


def _library(folder: Path) -> Library:
    try:
        library = Library.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises bare Exception, whatever is wrong
        raise ModelUnavailableError(f"{folder / 'tokenizer.json'} cannot be read: {error}") from error
    library.no_truncation()
    library.no_padding()
    return library


def _padding(library: Library) -> int:
    padding = next((library.token_to_id(word) for word in ("[PAD]", "<pad>")), None)
    return 0 if padding is None else padding
