"""The server's options."""

from pathlib import Path

from memory_core.settings import load_settings, redacted
from memory_server.main import local_settings
from memory_server.settings import LOCAL_DATA_DIR, ServerSettings


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = load_settings(ServerSettings, {})

    assert (settings.host, settings.port) == ("127.0.0.1", 8420)
    assert settings.data_dir == Path("/var/lib/claude-local-memory-server")
    assert (settings.limit_writes, settings.limit_reads) == ("30/minute", "60/minute")
    assert 1 <= settings.threads <= 4


def test_the_key_is_never_shown() -> None:
    shown = redacted(load_settings(ServerSettings, {"MEMORY_API_KEY": "s3cret"}))

    assert shown["MEMORY_API_KEY"] == "set"
    assert "s3cret" not in str(shown)


def test_a_local_server_has_a_folder_and_a_token_of_its_own(tmp_path: Path) -> None:
    usual = local_settings({"MEMORY_API_KEY": "shared", "MEMORY_HOST": "0.0.0.0"}, {})
    named = local_settings({"MEMORY_DATA_DIR": str(tmp_path)}, {"data_dir": None})
    flagged = local_settings({"MEMORY_DATA_DIR": "/elsewhere"}, {"data_dir": str(tmp_path)})

    assert (usual.local, usual.host, usual.port) == (True, "127.0.0.1", 0)
    assert usual.data_dir == LOCAL_DATA_DIR.expanduser()
    assert usual.api_key not in (None, "", "shared", named.api_key)
    assert named.data_dir == flagged.data_dir == tmp_path
