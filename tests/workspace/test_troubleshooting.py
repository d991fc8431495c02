"""Every message that the code can show stands on a page of the documentation with its cure, and no other does."""

from collections import Counter

import pytest

from memory_core.checks import MAX_CONTENT_BYTES
from memory_core.errors import InvalidError
from memory_core.settings import load_settings
from memory_core.types import NewMemory
from memory_server.settings import ServerSettings
from support.message_pages import entries, entry_of, span
from support.messages import of_programs, of_scripts

MESSAGES = [*of_programs(), *of_scripts()]
ENTRIES = entries()
ON_PAGES = Counter(message for entry in ENTRIES for message in entry.messages)


def test_every_message_of_the_code_stands_on_a_page() -> None:
    missing = {message.text: message.place for message in MESSAGES if message.text not in ON_PAGES}

    lines = "\n".join(f"- {span(text)}\n    ({place})" for text, place in missing.items())
    assert not missing, (
        f"docs/reference/messages-*.md lack what the code can print. Put each where a reader would look, "
        f"into an entry with the same cure or a new one:\n{lines}"
    )


def test_no_page_has_a_message_that_nothing_prints() -> None:
    printed = {message.text for message in MESSAGES}
    stale = [f"{entry.page}: {span(text)}" for entry in ENTRIES for text in entry.messages if text not in printed]

    assert not stale, "\n".join(["Nothing prints these any more; take them out, or correct them:", *stale])


def test_no_message_stands_twice() -> None:
    assert [text for text, count in ON_PAGES.items() if count > 1] == []


def test_every_entry_says_what_to_do() -> None:
    assert [entry.messages for entry in ENTRIES if not entry.cure.endswith((".", ")"))] == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{} is in use by {}; stop that, or talk to it as a server instead of opening the file", "opening.py"),
        ("no memory server is installed on this machine; install one with: uv tool install", "starting.py"),
        ("the code was used before; the grant is revoked", "grants.py"),
        ("{} is unreachable: {}", "connection.py"),
        ("search by meaning is off on this server", "searching.py"),
        ("holds the keys and is damaged ({}): nobody gets in by one of them", "access_file.py"),
        ("what has expired is hidden, and goes to the trash later: {}", "writing.py"),
        ("{} is open to other users of this machine", "here.py"),
        ("there is nothing to upgrade: {} is not there; install first", "install-docker.sh"),
        ("--wheels and --from-source are two sources; name one", "install-client.sh"),
    ],
)
def test_a_message_is_found_by_whatever_way_it_comes(text: str, place: str) -> None:
    wanted = text.replace("{}", "…")

    assert [message for message in MESSAGES if wanted in message.text and place in message.place]


def test_what_a_person_has_in_hand_is_found_as_it_was_printed() -> None:
    with pytest.raises(InvalidError) as wrong_flag:
        load_settings(ServerSettings, {}, {"port": "99999"})
    with pytest.raises(InvalidError) as long_memory:
        NewMemory(content="x" * (MAX_CONTENT_BYTES + 1))

    found = [entry_of(str(refused.value), ENTRIES) for refused in (wrong_flag, long_memory)]

    assert [entry and entry.page for entry in found] == ["messages-server.md", "messages-requests.md"]
