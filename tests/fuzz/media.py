"""How schemathesis sends a file: as it is. Loaded by it, see schemathesis.toml."""

import schemathesis
from schemathesis.transport.serialization import serialize_binary


@schemathesis.serializer("application/vnd.apache.parquet", "application/jsonl")
def as_it_is(_: schemathesis.SerializationContext, value: str | bytes) -> bytes:
    return serialize_binary(value)
