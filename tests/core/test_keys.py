"""Keys as values, and in words."""

from datetime import UTC, datetime, timedelta

import pytest

from memory_core import key_words
from memory_core.errors import InvalidError
from memory_core.keys import IssuedKey, Key, KeyScope, NewKey, Rotation, Secret

NOW = datetime(2026, 11, 25, 18, 30, tzinfo=UTC)
LAPTOP = Key(name="laptop", scope=KeyScope.WRITE, projects=None, client_id=None, created_at=NOW)


def test_a_name_is_a_short_word() -> None:
    for name in ("laptop", "a", "ci.2@site_b-1", "9", "x" * 64):
        assert NewKey(name=name).name == name
    for name in ("", "-x", ".", "a b", "ä", "x" * 65, "a/b", "a\n"):
        with pytest.raises(InvalidError, match="the name of a key is"):
            NewKey(name=name)


def test_a_name_is_none_that_logs_show_for_the_first_key() -> None:
    with pytest.raises(InvalidError, match="MEMORY_API_KEY is known by such a one"):
        NewKey(name="3f2a9c1b")


def test_an_overlap_has_an_end() -> None:
    assert Rotation().overlap_s == 86_400
    for overlap_s in (-1, 400 * 86_400):
        with pytest.raises(InvalidError, match="overlap_s"):
            Rotation(overlap_s=overlap_s)


@pytest.mark.parametrize(
    ("projects", "said"),
    [
        (None, "write, all projects"),
        (("shop",), "write, project shop"),
        (("shop", "site", "docs"), "write, projects shop, site and docs"),
        (("shop", ""), "write, project shop and memories of no project"),
        (("",), "write, memories of no project"),
    ],
)
def test_what_a_key_may_is_said_in_a_few_words(projects: tuple[str, ...] | None, said: str) -> None:
    key = Key(name="k", scope=KeyScope.WRITE, projects=projects, client_id=None, created_at=NOW)

    assert key_words.reach(key) == said


def test_how_a_key_stands_is_said_with_what_was_sent_before_it_was_rotated() -> None:
    def stands(**fields: object) -> str:
        values = {name: getattr(LAPTOP, name) for name in LAPTOP.__struct_fields__} | fields
        return key_words.standing(Key(**values), NOW, UTC)

    hour = timedelta(hours=1)
    old = Secret(hint="0", created_at=NOW, ends_at=NOW + hour, last_used_at=NOW)
    assert stands() == "works"
    assert stands(expires_at=NOW + hour) == "until 2026-11-25 19:30"
    assert stands(expires_at=NOW) == "expired 2026-11-25 18:30"
    assert stands(revoked_at=NOW, expires_at=NOW) == "revoked 2026-11-25 18:30"
    assert stands(secrets=(Secret(hint="1", created_at=NOW), old)) == (
        "the one before works until 2026-11-25 19:30, used 2026-11-25 18:30"
    )


def test_an_issued_key_is_shown_with_the_lines_for_its_client() -> None:
    key = IssuedKey(
        name="ci", scope=KeyScope.READ, projects=("shop",), client_id="ci", created_at=NOW, key="cmk_x", max_bytes=5000
    )

    shown = key_words.issued(key, "http://memory.lan:8420", NOW, UTC)

    assert shown.startswith("The key ci: read, project shop, client ci, at most 5,000 bytes, works\n\n  cmk_x\n\n")
    assert "  export MEMORY_SERVER=http://memory.lan:8420 MEMORY_API_KEY=cmk_x MEMORY_CLIENT_ID=ci\n" in shown
    assert "in place of" not in shown


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_key_that_is_made_on_the_server_s_machine_says_that_its_address_is_good_there_alone(host: str) -> None:
    """Else the lines, pasted on a laptop, lead to the laptop."""
    key = IssuedKey(name="laptop", scope=KeyScope.WRITE, projects=None, client_id=None, created_at=NOW, key="cmk_x")

    shown = key_words.issued(key, f"http://{host}:8420", NOW, UTC)

    assert f"with this one's address in place of {host.strip('[]')}:" in shown
