"""What a key looks like: known at sight, and told from what only looks like one."""

import string

from hypothesis import given
from hypothesis import strategies as st

from memory_core.engine.redaction.finding import redact
from memory_core.key_text import PATTERN, client_lines, is_key, new_key

CHARS = string.ascii_letters + string.digits


def test_keys_are_of_one_shape_and_never_twice_the_same() -> None:
    keys = {new_key() for _ in range(1000)}

    assert len(keys) == 1000
    assert all(is_key(key) and len(key) == 53 and key.startswith("cmk_") for key in keys)


@given(st.integers(0, 48), st.sampled_from(CHARS))
def test_one_wrong_character_is_noticed(place: int, char: str) -> None:
    key = new_key()
    at = len("cmk_") + place

    assert is_key(key[:at] + char + key[at + 1 :]) == (char == key[at])


def test_a_key_is_found_in_a_text_and_only_whole() -> None:
    key = new_key()

    assert [found[0] for found in PATTERN.finditer(f'MEMORY_API_KEY="{key}", and {key}.')] == [key, key]
    assert PATTERN.search(f"{key}0") is None
    assert PATTERN.search(key[:-1]) is None
    assert not is_key(f"{key}\n")


def test_a_key_that_got_into_a_memory_is_left_out_of_it() -> None:
    assert redact(f"the laptop sends {new_key()} now") == (
        "the laptop sends [redacted:memory-key] now",
        ("memory-key",),
    )


def test_a_client_is_told_its_name_where_the_key_is_bound_to_it() -> None:
    bound = client_lines("https://memory.lan", "cmk_x", "the laptop")
    free = client_lines("https://memory.lan", "cmk_x")

    assert "'MEMORY_CLIENT_ID=the laptop'" in bound
    assert "--client-id 'the laptop'" in bound
    assert "MEMORY_CLIENT_ID" not in free
    shell, setup, http = free.splitlines()
    assert shell == "export MEMORY_SERVER=https://memory.lan MEMORY_API_KEY=cmk_x"
    assert setup == "claude-memory setup claude-code --server https://memory.lan"
    assert http.endswith(" --transport http https://memory.lan/mcp --header 'Authorization: Bearer cmk_x'")
