"""Numbers of things in a sentence: `1 memory was`, `2,000 memories were`. Pure; the one place that knows a plural."""


def counted(count: int, one: str, many: str | None = None) -> str:
    """The number and what it counts; `many` where an s behind `one` would not do."""
    return f"{count:,} {agreeing(count, one, many or f'{one}s')}"


def memories(count: int) -> str:
    return counted(count, "memory", "memories")


def agreeing(count: int, one: str, many: str) -> str:
    """A word that goes with that number: `agreeing(count, "is", "are")`."""
    return one if count == 1 else many
