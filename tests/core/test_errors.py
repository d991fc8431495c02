"""The same class is caught whether the engine is here or behind HTTP."""

import msgspec
import pytest

from memory_core import errors
from memory_core.errors import MemoryServiceError, Problem, RateLimitedError, error_of, problem_of


def tree(root: type[MemoryServiceError]) -> list[type[MemoryServiceError]]:
    return [root, *(each for child in root.__subclasses__() for each in tree(child))]


KINDS = [kind for kind in tree(MemoryServiceError) if kind.__module__ == errors.__name__]


def made(kind: type[MemoryServiceError]) -> MemoryServiceError:
    sentence = "it broke; mend it"
    return kind(sentence, retry_after_s=2.5) if issubclass(kind, RateLimitedError) else kind(sentence)


@pytest.mark.parametrize("kind", KINDS[1:], ids=lambda kind: kind.__name__)
def test_an_error_is_itself_again_after_the_wire(kind: type[MemoryServiceError]) -> None:
    error = made(kind)

    problem = msgspec.json.decode(msgspec.json.encode(problem_of(error)), type=Problem)
    again = error_of(problem)

    assert type(again) is kind
    assert str(again) == str(error)
    assert problem.status == kind.status
    assert problem_of(again) == problem


def test_codes_tell_the_classes_apart() -> None:
    codes = [kind.code for kind in KINDS[1:]]

    assert len(set(codes)) == len(codes)


def test_a_rate_limit_says_when_to_come_back() -> None:
    again = error_of(problem_of(RateLimitedError("slower", retry_after_s=2.5)))

    assert isinstance(again, RateLimitedError)
    assert again.retry_after_s == 2.5


def test_only_a_rate_limit_carries_a_time() -> None:
    assert b"retry_after_s" not in msgspec.json.encode(problem_of(errors.NotFoundError("none")))


def test_a_code_of_a_newer_server_becomes_the_root_class() -> None:
    problem = Problem(
        type="urn:claude-memory:teapot", title="Teapot", status=418, detail="short and stout", code="teapot"
    )

    error = error_of(problem)

    assert type(error) is MemoryServiceError
    assert str(error) == "short and stout"


def test_every_error_is_caught_by_the_root() -> None:
    assert all(issubclass(kind, MemoryServiceError) for kind in KINDS)
    assert issubclass(errors.AmbiguousIdError, errors.ConflictError)
    assert issubclass(errors.ModelUnavailableError, errors.UnavailableError)
