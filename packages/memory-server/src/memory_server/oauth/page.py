"""The page on which a person approves: plain HTML without scripts, whose only style is named by its hash.

Everything that a client said of itself is text of a stranger: escaped, in quotation marks, and kept from turning the
direction of what stands around it. Where the answer goes is what it can be known by.
"""

import base64
import hashlib
from html import escape

from msgspec import Struct

from memory_core.keys import KeyScope
from memory_server.oauth.asking import Asked
from memory_server.oauth.redirects import host_of, is_loopback, origin_of

_STYLE = """
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}
dl{margin:0 0 1.5rem;border:1px solid #8886;border-radius:.5rem;padding:.75rem 1rem}
dt{font-size:.875rem;opacity:.75}
dd{margin:0 0 .5rem;font-weight:600;overflow-wrap:anywhere}
dd:last-child{margin:0}
fieldset{border:1px solid #8886;border-radius:.5rem;margin:0 0 1.25rem;padding:.5rem 1rem .75rem}
legend{font-weight:600;padding:0 .25rem}
label{display:block}
.field{margin:0 0 1.25rem}
.field label,fieldset>label.over{font-weight:600}
.hint{font-size:.875rem;opacity:.8;margin:.125rem 0 0}
input[type=text],input[type=password],textarea{box-sizing:border-box;width:100%;font:inherit;padding:.5rem;
border:1px solid #888;border-radius:.375rem;margin-top:.25rem}
input[type=radio],input[type=checkbox]{margin-right:.5rem}
fieldset label{padding:.25rem 0}
details{margin:0 0 1.25rem}
summary{font-weight:600;cursor:pointer;margin:0 0 .5rem}
.buttons{display:flex;flex-wrap:wrap;gap:.75rem}
button{font:inherit;font-weight:600;padding:.6rem 1.25rem;border-radius:.375rem;border:1px solid #888;cursor:pointer}
button.yes{background:#1d4ed8;border-color:#1d4ed8;color:#fff}
:focus-visible{outline:3px solid #f59e0b;outline-offset:2px}
.wrong{border:2px solid #dc2626;border-radius:.5rem;padding:.5rem 1rem;margin:0 0 1.25rem}
.warn{border-left:4px solid #f59e0b;padding:.25rem .75rem;margin:0 0 1.25rem}
""".strip()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


class Choices(Struct, frozen=True, kw_only=True):
    """What the form holds; never the key."""

    scope: KeyScope
    all_projects: bool = True
    projects: str = ""
    without_project: bool = False
    name: str = ""
    client_id: str = ""


def headers(*, sends_to: str | None = None) -> dict[str, str]:
    """Nothing is loaded, nobody may frame it, and its form goes to this server alone, and from there to `sends_to`.

    The referrer stays with this server but is not left out: a browser would then send `Origin: null` with the form. No
    Cross-Origin-Opener-Policy, because a client may have opened the page in a window that it waits for.
    """
    answer = origin_of(sends_to) if sends_to else ""
    if answer.startswith("http://["):
        answer = "http:"  # no policy can name an IPv6 address
    return {
        "content-security-policy": (
            f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self' {answer}".strip()
            + "; frame-ancestors 'none'; base-uri 'none'"
        ),
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cache-control": "no-store",
    }


def approval_page(asked: Asked, choices: Choices, *, token: str, wrong: str | None = None) -> str:
    name, host = escape(asked.client.name), escape(host_of(asked.redirect_uri))
    return _document(
        "Let this connector use your memories?",
        f"{_alert(wrong)}"
        "<dl>"
        f"<dt>It calls itself</dt><dd>“<bdi>{name}</bdi>”</dd>"
        f"<dt>Its access goes to</dt><dd>{host}</dd>"
        f"<dt>It asks to</dt><dd>{_asks(asked.scope)}</dd>"
        "</dl>"
        f"{_warning(asked.redirect_uri)}"
        '<form method="post" action="/authorize" autocomplete="off">'
        f'<input type="hidden" name="asked" value="{escape(asked.query)}">'
        f'<input type="hidden" name="token" value="{escape(token)}">'
        f"{_scopes(asked.scope, choices.scope)}{_projects(choices)}"
        f"{_names(choices)}"
        f"{_key(wrong)}"
        '<div class="buttons"><button class="yes" name="decision" value="approve">Approve</button>'
        '<button name="decision" value="deny" formnovalidate>Cancel</button></div></form>',
        is_wrong=wrong is not None,
    )


def message_page(title: str, text: str, *, back_to: str | None = None) -> str:
    link = (
        f'<p><a rel="noreferrer" href="{escape(back_to)}">Back to {escape(host_of(back_to))}</a></p>' if back_to else ""
    )
    return _document(title, f'<p role="alert">{_sentence(text)}</p>{link}')


def _document(title: str, body: str, *, is_wrong: bool = False) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{'Error: ' if is_wrong else ''}{title}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )


def _asks(scope: KeyScope) -> str:
    return "read memories" if scope is KeyScope.READ else "read memories, keep new ones, change and trash them"


def _warning(redirect_uri: str) -> str:
    if not is_loopback(redirect_uri):
        return '<p class="warn">Approve only if you have just added this connector there yourself.</p>'
    return (
        '<p class="warn">The access goes to a program on the computer on which you read this. Approve only if you have '
        "just started it yourself.</p>"
    )


def _alert(wrong: str | None) -> str:
    if wrong is None:
        return ""
    return f'<p class="wrong" role="alert" id="wrong">{_sentence(wrong)}</p>'


def _scopes(asked: KeyScope, chosen: KeyScope) -> str:
    read = _choice("scope", "read", "Read only", checked=chosen is KeyScope.READ)
    write = (
        "" if asked is KeyScope.READ else _choice("scope", "write", "Read and write", checked=chosen is KeyScope.WRITE)
    )
    return f"<fieldset><legend>What it may do</legend>{read}{write}</fieldset>"


def _projects(choices: Choices) -> str:
    ticked = " checked" if choices.without_project else ""
    return (
        "<fieldset><legend>Where</legend>"
        + _choice("reach", "all", "All projects", checked=choices.all_projects)
        + _choice("reach", "some", "Only these projects", checked=not choices.all_projects)
        + '<label class="over" for="projects">Projects, one a line</label>'
        f'<textarea id="projects" name="projects" rows="3" spellcheck="false">{escape(choices.projects)}</textarea>'
        f'<label><input type="checkbox" name="without_project" value="yes"{ticked}>and memories of no project</label>'
        "</fieldset>"
    )


def _names(choices: Choices) -> str:
    """Out of the way: most people have nothing to add here."""
    name, machine = "Stands in the history of what it keeps, and in the list of grants.", "May be left out. "
    machine += "The machine or program that its memories are said to come from; it can then name no other."
    return (
        f"<details{' open' if choices.client_id else ''}><summary>Names</summary>"
        f"{_text('name', 'Name of the grant', choices.name, name)}"
        f"{_text('client_id', 'Client id', choices.client_id, machine)}</details>"
    )


def _sentence(text: str) -> str:
    """As errors are written here, but with its beginning and end; the name of a field stays as it is."""
    begun = text if "_" in text.partition(" ")[0] else text[:1].upper() + text[1:]
    return f"{escape(begun)}."


def _choice(name: str, value: str, label: str, *, checked: bool) -> str:
    ticked = " checked" if checked else ""
    return f'<label><input type="radio" name="{name}" value="{value}"{ticked}>{label}</label>'


def _text(name: str, label: str, value: str, hint: str) -> str:
    return (
        f'<div class="field"><label for="{name}">{label}</label>'
        f'<input type="text" id="{name}" name="{name}" value="{escape(value)}" maxlength="256" spellcheck="false" '
        f'aria-describedby="{name}-hint"><p class="hint" id="{name}-hint">{hint}</p></div>'
    )


def _key(wrong: str | None) -> str:
    described = "key-hint wrong" if wrong else "key-hint"
    return (
        '<div class="field"><label for="key">Admin key of this server</label>'
        '<input type="password" id="key" name="key" required autocomplete="off" maxlength="1024" '
        f'aria-describedby="{described}"{" autofocus" if wrong else ""}>'
        '<p class="hint" id="key-hint">It proves that you may approve, is not kept, and the connector never sees it.'
        "</p></div>"
    )
