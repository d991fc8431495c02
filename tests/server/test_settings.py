"""The server's options."""

from pathlib import Path

import pytest

from memory_core.errors import InvalidError
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


def test_origins_and_hosts_are_kept_as_browsers_send_them() -> None:
    given = {
        "CORS_ORIGINS": "https://App.example.org/, http://[::1]:3000,chrome-extension://abcdef,*",
        "MEMORY_ALLOWED_HOSTS": "Memory.LAN:8443, [FD00::7],fd00::8,[::1]:80,192.168.1.7",
    }

    settings = load_settings(ServerSettings, given)

    assert settings.cors_origins == ("https://app.example.org", "http://[::1]:3000", "chrome-extension://abcdef", "*")
    assert settings.allowed_hosts == ("memory.lan:8443", "fd00::7", "fd00::8", "[::1]:80", "192.168.1.7")


@pytest.mark.parametrize(
    "value", ["app.example.org", "https://one.example https://two.example", "https://app.example/page", "https://*.org"]
)
def test_what_no_origin_can_be_is_refused(value: str) -> None:
    with pytest.raises(InvalidError, match=r"CORS_ORIGINS has .*, which is no origin of a page; it takes"):
        load_settings(ServerSettings, {"CORS_ORIGINS": value})


@pytest.mark.parametrize(
    "value", ["https://memory.lan", "memory.lan other.lan", "memory.lan/", "*.lan", "memory.lan:x"]
)
def test_what_no_host_can_be_is_refused(value: str) -> None:
    with pytest.raises(InvalidError, match=r"MEMORY_ALLOWED_HOSTS has .*, which is no name of a host; it takes"):
        load_settings(ServerSettings, {"MEMORY_ALLOWED_HOSTS": value})


def test_a_local_server_has_a_folder_and_a_token_of_its_own(tmp_path: Path) -> None:
    usual = local_settings({"MEMORY_API_KEY": "shared", "MEMORY_HOST": "0.0.0.0"}, {})
    named = local_settings({"MEMORY_DATA_DIR": str(tmp_path)}, {"data_dir": None})
    flagged = local_settings({"MEMORY_DATA_DIR": "/elsewhere"}, {"data_dir": str(tmp_path)})

    assert (usual.local, usual.host, usual.port) == (True, "127.0.0.1", 0)
    assert usual.data_dir == LOCAL_DATA_DIR.expanduser()
    assert usual.api_key not in (None, "", "shared", named.api_key)
    assert named.data_dir == flagged.data_dir == tmp_path
