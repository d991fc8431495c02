"""The page at /docs: plain HTML without scripts, because FastAPI's own loads its scripts from elsewhere."""

import base64
import hashlib
import html
from typing import Any

import msgspec

Json = dict[str, Any]  # there is no narrower type for it

_STYLE = (
    "body{font:1rem/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "pre{overflow:auto;background:#8881;padding:1rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
"""The page's own style and nothing else, so that no text of the document can run or load anything."""


def page(spec: Json) -> str:
    """The document for a reader: one entry a route, and the schemas as they are."""
    text = html.escape
    rows = [
        f"<details><summary><code>{method.upper()} {text(path)}</code> {text(operation['summary'])}</summary>"
        f"<pre>{text(_pretty(operation))}</pre></details>"
        for path, operations in spec["paths"].items()
        for method, operation in operations.items()
    ]
    schemas = [
        f'<details id="{text(name)}"><summary><code>{text(name)}</code></summary>'
        f"<pre>{text(_pretty(schema))}</pre></details>"
        for name, schema in spec["components"]["schemas"].items()
    ]
    info = spec["info"]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{text(info['title'])}</title><style>{_STYLE}</style>"
        f"<h1>{text(info['title'])} {text(info['version'])}</h1><p>{text(info['description'])}</p>"
        "<p>For programs: <a href=openapi.json>openapi.json</a>. For agents: <code>POST /mcp</code>.</p>"
        f"<h2>Routes</h2>{''.join(rows)}<h2>Schemas</h2>{''.join(schemas)}</html>"
    )


def _pretty(value: Json) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
