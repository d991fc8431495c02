"""What a plugin or a bundle was told counts where the environment says nothing."""

import pytest

from memory_client.target import Target, resolve_target

ANSWERS = {
    "CLAUDE_PLUGIN_OPTION_SERVER_URL": "http://memory.lan:8420",
    "CLAUDE_PLUGIN_OPTION_API_KEY": "the plugin's key",
    "CLAUDE_PLUGIN_OPTION_CLIENT_ID": "laptop",
}
UNFILLED = dict.fromkeys(ANSWERS, "${user_config.x}")


def resolve(**environ: str) -> Target:
    return resolve_target({"HOME": "/home/me", **environ}, directory="/")


def test_the_plugin_s_answers_name_server_key_and_machine() -> None:
    target = resolve(**ANSWERS)

    assert (target.url, target.key, target.client_id) == ("http://memory.lan:8420", "the plugin's key", "laptop")


def test_a_server_in_the_environment_keeps_the_plugin_s_key_from_it() -> None:
    target = resolve(**ANSWERS, MEMORY_SERVER="http://elsewhere.lan")

    assert (target.url, target.key) == ("http://elsewhere.lan", None)


def test_local_in_the_environment_goes_before_the_plugin_s_server() -> None:
    assert resolve(**ANSWERS, MEMORY_SERVER="local").url is None


def test_the_plugin_s_key_takes_the_place_of_the_file_that_the_environment_names() -> None:
    assert resolve(**ANSWERS, MEMORY_API_KEY_FILE="/does/not/exist").key == "the plugin's key"


def test_no_key_is_sent_to_a_server_that_it_was_not_given_with() -> None:
    answers = ANSWERS | {"CLAUDE_PLUGIN_OPTION_API_KEY": ""}

    assert resolve(**answers, MEMORY_API_KEY="of another server").key is None
    assert resolve_target(ANSWERS, server="http://elsewhere.lan", directory="/").key is None


@pytest.mark.parametrize("empty", [UNFILLED, dict.fromkeys(ANSWERS, ""), dict.fromkeys(ANSWERS, " ")])
def test_what_was_left_empty_is_not_set(empty: dict[str, str]) -> None:
    target = resolve(**empty)

    assert (target.url, target.key, target.client_id) == (None, None, resolve().client_id)
