"""Every option of the server: name, variable, default and one line of help; flags and documentation come from here."""

import ipaddress
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from memory_core.errors import InvalidError
from memory_core.settings import Option
from memory_core.types import Fusion, SecretPolicy
from memory_server.forwarded import trusted_proxies
from memory_server.oauth.public import public_url
from memory_server.origins import host_names, web_origins

SYSTEM_DATA_DIR = Path("/var/lib/claude-local-memory-server")
LOCAL_DATA_DIR = Path("~/.claude-memory")
BACKUP_KEEP = 7


class LogFormat(StrEnum):
    HUMAN = "human"
    JSON = "json"


# Of the server, and of its commands that work on the same files: backup, rollback, keys.
DataDir = Annotated[Path, Option("MEMORY_DATA_DIR", "folder that holds the memories")]
StoreAddress = Annotated[str, Option("MEMORY_STORE", "where memories are kept: duckdb, duckdb:FILE")]
StoreMemory = Annotated[str, Option("MEMORY_STORE_MEMORY", "most memory the store may take, such as 2GB")]
BackupDir = Annotated[Path | None, Option("MEMORY_BACKUP_DIR", "folder for backups; by default one in the data folder")]
BackupKeep = Annotated[
    int, Option("MEMORY_BACKUP_KEEP", "how many of the newest backups stay, besides one a week"), Meta(ge=1)
]


class ServerSettings(Struct, frozen=True, kw_only=True):
    host: Annotated[str, Option("MEMORY_HOST", "address to listen on; any but loopback needs a key")] = "127.0.0.1"
    port: Annotated[int, Option("MEMORY_PORT", "port to listen on; 0 takes a free one"), Meta(ge=0, le=65535)] = 8420
    data_dir: DataDir = SYSTEM_DATA_DIR
    store: StoreAddress = "duckdb"
    embedder: Annotated[
        str | None,
        Option(
            "MEMORY_EMBEDDER",
            "model for search by meaning: onnx:NAME, sentence-transformers:NAME, openai:MODEL at an endpoint, none; "
            "unset: the one that `claude-memory model use` chose, at first onnx:all-MiniLM-L6-v2",
        ),
    ] = None
    reranker: Annotated[
        str | None,
        Option("MEMORY_RERANKER", "model that reads the best hits of a search again: onnx:NAME; none by default"),
    ] = None
    embedder_url: Annotated[
        str | None,
        Option("MEMORY_EMBEDDER_URL", "base address of the endpoint for openai:MODEL; by default OpenAI's own"),
    ] = None
    embedder_key: Annotated[
        str | None, Option("MEMORY_EMBEDDER_KEY", "the key that the endpoint wants, if any", secret=True)
    ] = None
    model_cache: Annotated[
        Path | None, Option("MEMORY_MODEL_CACHE", "folder for models; by default one in the data folder")
    ] = None
    model_download: Annotated[bool, Option("MEMORY_MODEL_DOWNLOAD", "whether a missing model may be downloaded")] = True
    threads: Annotated[
        int, Option("MEMORY_THREADS", "threads for the store and the model; 0: one a processor, at most 4"), Meta(ge=0)
    ] = 0
    memory_limit: StoreMemory = "512MB"
    backup_dir: BackupDir = None
    backup_keep: BackupKeep = BACKUP_KEEP
    fusion: Annotated[
        Fusion,
        Option("MEMORY_FUSION", "how hybrid search joins words and meaning: by scores, or by reciprocal ranks (worse)"),
    ] = Fusion.SCORES
    trash_days: Annotated[
        int, Option("MEMORY_TRASH_DAYS", "days after which the trash is emptied; 0: never"), Meta(ge=0, le=36_500)
    ] = 30
    secrets: Annotated[
        SecretPolicy,
        Option("MEMORY_SECRETS", "secrets in what is to be kept: leave them out, refuse it, or keep it as it is"),
    ] = SecretPolicy.REDACT
    session_notes: Annotated[
        bool,
        Option("MEMORY_SESSION_NOTES", "whether what agents say is noted, so that each session comes to a memory"),
    ] = True
    api_key: Annotated[
        str | None,
        Option(
            "MEMORY_API_KEY", "an admin key: callers send it, or one that `claude-memory keys create` made", secret=True
        ),
    ] = None
    cors_origins: Annotated[
        tuple[str, ...], Option("CORS_ORIGINS", "web origins that may call, by comma, or *; none by default")
    ] = ()
    allowed_hosts: Annotated[
        tuple[str, ...],
        Option("MEMORY_ALLOWED_HOSTS", "names this server answers to, by comma; without a key only loopback"),
    ] = ()
    public_url: Annotated[
        str | None,
        Option("MEMORY_PUBLIC_URL", "https address by which connectors reach this server; lets them ask for OAuth"),
    ] = None
    limit_writes: Annotated[str, Option("MEMORY_LIMIT_WRITES", "writes per key or address, or off")] = "30/minute"
    limit_reads: Annotated[str, Option("MEMORY_LIMIT_READS", "reads per key or address, or off")] = "60/minute"
    limit_protocol: Annotated[
        str, Option("MEMORY_LIMIT_PROTOCOL", "messages at /mcp per key or address, besides what they do, or off")
    ] = "600/minute"
    limit_logins: Annotated[str, Option("MEMORY_LIMIT_LOGINS", "wrong keys per address, or off")] = "10/minute"
    limit_address: Annotated[
        str | None,
        Option(
            "MEMORY_LIMIT_ADDRESS",
            "requests of an address, whatever their keys, or off; unset: 1200/minute, or off if reads or writes are",
        ),
    ] = None
    quota_memories: Annotated[
        int, Option("MEMORY_QUOTA_MEMORIES", "most memories that a key may keep; 0: any number"), Meta(ge=0)
    ] = 0
    quota_bytes: Annotated[
        int, Option("MEMORY_QUOTA_BYTES", "most bytes of text that the memories of a key may be; 0: any"), Meta(ge=0)
    ] = 0
    max_body_bytes: Annotated[int, Option("MEMORY_MAX_BODY_BYTES", "largest request, in bytes"), Meta(ge=1024)] = (
        1 << 20
    )
    max_import_bytes: Annotated[int, Option("MEMORY_MAX_IMPORT_BYTES", "largest import, in bytes"), Meta(ge=1024)] = (
        2 << 30
    )
    forwarded_allow_ips: Annotated[
        str, Option("MEMORY_FORWARDED_ALLOW_IPS", "addresses or networks of the proxies whose X-Forwarded-For counts")
    ] = "127.0.0.1"
    log_format: Annotated[LogFormat, Option("MEMORY_LOG_FORMAT", "log lines for people, or for programs")] = (
        LogFormat.HUMAN
    )
    tracing: Annotated[
        str,
        Option(
            "MEMORY_TRACING",
            "where traces go: off, the address of an OpenTelemetry collector, or on: as the OTEL_ variables say; "
            "needs memory-server[otel]",
        ),
    ] = "off"
    idle_exit: Annotated[
        float, Option("MEMORY_IDLE_EXIT", "seconds without a request after which a --local server leaves"), Meta(gt=0)
    ] = 1800.0
    local: bool = False

    def __post_init__(self) -> None:
        trusted_proxies(self.forwarded_allow_ips)
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise InvalidError("MEMORY_API_KEY holds characters that no header can carry; use printable ASCII")
        force_setattr(self, "cors_origins", web_origins(self.cors_origins))
        force_setattr(self, "allowed_hosts", host_names(self.allowed_hosts))
        if self.public_url is not None:
            force_setattr(self, "public_url", public_url(self.public_url).issuer)
        if self.threads == 0:
            force_setattr(self, "threads", min(4, os.cpu_count() or 1))


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
