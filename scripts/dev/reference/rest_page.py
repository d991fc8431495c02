"""docs/reference/rest.md: every route and every structure, from the server's own OpenAPI document."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from memory_core.engine.compose import EngineOptions, open_engine
from memory_core.errors import MemoryServiceError
from memory_server import problems
from memory_server.app import create_app
from memory_server.companions import companions
from memory_server.settings import ServerSettings
from scripts.dev.reference import markdown as md
from scripts.dev.reference import schemas, structures
from scripts.dev.reference.structures import Structures

Json = dict[str, Any]  # there is no narrower type for it

_ABOUT = """\
A server says all of this itself: `GET /docs` is a page for people, `GET /openapi.json` the document that this one is made from.
Bodies and answers are JSON in UTF-8, times are ISO 8601 in UTC, and a field that a request may not have is refused.
A list in a query is a parameter that is repeated, and an empty parameter means null.
Agents use `POST /mcp` instead: [MCP](mcp.md).
How many requests are allowed: [Limits](../limits.md); what each key may do: [Keys](../keys.md); connectors that ask for OAuth: [Connectors](../oauth.md)."""

_KEY = """\
A key is sent as `X-API-Key: KEY` or `Authorization: Bearer KEY`.
One that may write may read too, and one that may administer may do both.
A key that is limited to some projects sees nothing of the others, and is refused where a route says that it is for keys of all projects."""

_PROBLEMS = """\
Each failure is problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) of the type `application/problem+json`, a [Problem](#problem): `detail` says for people what happened and what to do, `code` names it for programs.
[Troubleshooting](../troubleshooting.md) has the sentences, each with its cure."""

_HEADINGS = {
    "memories": "Memories",
    "projects": "Projects and places",
    "sessions": "Sessions",
    "upkeep": "Upkeep",
    "backups": "Backups",
    "keys": "Keys",
    "server": "The server",
}
_CHANGES = "Headers of a change"
_MAY = {"read": "read", "write": "write", "admin": "administer"}
_FEW = 6  # so many parameters stand with their route; more are a structure
_ONLY_WITH_OAUTH = "/admin/grants"


def page() -> str:
    return Page(document()).text()


def document() -> Json:
    """That of a server with everything in it that can be asked for."""
    return asyncio.run(_document())


async def _document() -> Json:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        options = EngineOptions(data_dir=place, embedder="none", model_download=False, companions=companions())
        settings = ServerSettings(data_dir=place, embedder="none", api_key="k", public_url="https://memory.example.org")
        app = create_app(open_engine(options), settings)
        async with app.router.lifespan_context(app):
            return app.openapi()


class Page:
    def __init__(self, spec: Json) -> None:
        self._schemas: Json = spec["components"]["schemas"]
        self._operations = [
            (f"{method.upper()} {path}", operation)
            for path, methods in spec["paths"].items()
            for method, operation in methods.items()
        ]
        self._everywhere = set.intersection(*(_failures(operation) for _, operation in self._operations))
        self._with_body = (
            set.intersection(*(_failures(one) for _, one in self._operations if _body(one))) - self._everywhere
        )
        asked = {name for _, one in self._operations if (name := self._request(one)) is not None}
        self._structures = Structures(self._schemas, asked)
        self._used = asked.union({"Problem"}, *(structures.references(one) for _, one in self._operations))

    def text(self) -> str:
        tags = {tag for _, one in self._operations for tag in one["tags"]}
        return md.page(
            "REST reference",
            _ABOUT,
            md.section("Who may ask", _KEY),
            md.section("Failures", _PROBLEMS, self._usual(), _codes()),
            md.section(
                _CHANGES, "Routes that change memories take these; all of them may be left out.", self._headers()
            ),
            *map(self._group, sorted(tags, key=list(_HEADINGS).index)),
            self._structures.text(self._used),
        )

    def _usual(self) -> str:
        return (
            f"Any route may answer {_listed(self._everywhere)}, one that takes a body also {_listed(self._with_body)}; "
            "what else it may answer stands with it."
        )

    def _headers(self) -> str:
        taken = next(
            one["parameters"]
            for _, one in self._operations
            if any(p["in"] == "header" for p in one.get("parameters", ()))
        )
        rows = [
            (md.code(one["name"]), schemas.kind(one["schema"]), one["description"])
            for one in taken
            if one["in"] == "header"
        ]
        return md.table(("header", "type", "what it is"), rows)

    def _group(self, tag: str) -> str:
        of_tag = [(name, one) for name, one in self._operations if tag in one["tags"]]
        rows = [(md.link(name, name), one["summary"], _needs(one)) for name, one in of_tag]
        overview = md.table(("route", "what it does", "needs a key that may"), rows)
        return md.section(_HEADINGS[tag], overview, *(self._route(name, one) for name, one in of_tag))

    def _route(self, name: str, operation: Json) -> str:
        parameters = [one for one in operation.get("parameters", ()) if one["in"] != "header"]
        queried = self._queried(operation)
        shown = [one for one in parameters if queried is None or one["in"] != "query"]
        lines = [_who(operation)]
        if _ONLY_WITH_OAUTH in name:
            lines.append("Only where [`MEMORY_PUBLIC_URL`](options.md#memory-server) is set.")
        if queried is not None:
            lines.append(f"Takes the fields of {self._structures.linked(queried)} as its query.")
        if body := operation.get("requestBody"):
            lines.append(f"Takes {self._content(body['content'])}.")
        answers = _successes(operation)
        lines.append(f"Answers {_listed(set(answers))} with {self._content(next(iter(answers.values())))}.")
        if others := _failures(operation) - self._everywhere - (self._with_body if body else set()):
            lines.append(f"May also answer {_listed(others)}.")
        if len(parameters) < len(operation.get("parameters", ())):
            lines.append(f"Takes the {md.link('headers of a change', _CHANGES)}.")
        rows = [self._parameter(one) for one in shown]
        table = md.table(("parameter", "where", "type", "default", "what it is"), rows)
        return md.section(name, f"{operation['summary']}.", md.bullets(lines), table, level=3)

    def _parameter(self, one: Json) -> tuple[str, ...]:
        schema = one["schema"]
        default = "required" if one.get("required") else schemas.default(schema)
        return (
            md.code(one["name"]),
            one["in"],
            self._structures.kind(schema),
            default,
            structures.meaning({**schema, **one}),
        )

    def _queried(self, operation: Json) -> str | None:
        """The structure of which the query has all fields, where these are many."""
        names = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
        if len(names) <= _FEW:
            return None
        return next(name for name, schema in self._schemas.items() if list(schema.get("properties", ())) == names)

    def _request(self, operation: Json) -> str | None:
        """The structure of what it takes."""
        body = _body(operation)
        return body["schema"]["$ref"].rpartition("/")[2] if body else self._queried(operation)

    def _content(self, content: Json) -> str:
        """What a body holds: a structure, or a file."""
        if "application/json" in content:
            return self._structures.kind(content["application/json"]["schema"])
        return (
            f"a file: {' or '.join(map(md.code, content))}" if len(content) > 1 else f"{md.code(next(iter(content)))}"
        )


def _codes() -> str:
    ours = [(kind.code, kind.status, kind.title) for kind in _errors(MemoryServiceError)]
    of_http = [
        problems.malformed(""),
        problems.unsupported_media(""),
        problems.misdirected(""),
        problems.method_not_allowed("", ""),
        problems.no_route(),
    ]
    found = {*ours, *((one.problem.code, one.problem.status, one.problem.title) for one in of_http)}
    rows = [
        (str(status), md.code(code), title) for code, status, title in sorted(found, key=lambda one: (one[1], one[0]))
    ]
    return md.table(("status", "code", "title"), rows)


def _errors(kind: type[MemoryServiceError]) -> list[type[MemoryServiceError]]:
    """Those that a server answers with; the root stands for what has no class of its own."""
    of_the_server = [child for child in kind.__subclasses__() if child.__module__ == MemoryServiceError.__module__]
    return [*of_the_server, *(found for child in of_the_server for found in _errors(child))]


def _body(operation: Json) -> Json | None:
    found: Json | None = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return found


def _successes(operation: Json) -> dict[str, Json]:
    """Status → what is answered, which is the same for all of them."""
    return {status: answer["content"] for status, answer in operation["responses"].items() if status < "300"}


def _failures(operation: Json) -> set[str]:
    return {status for status in operation["responses"] if status >= "300"}


def _roles(operation: Json) -> list[str]:
    return next((roles for one in operation["security"] for roles in one.values()), [])


def _needs(operation: Json) -> str:
    may, *more = [*_roles(operation), ""]
    return "" if not may else _MAY[may] + (", of all projects" if "all projects" in more else "")


def _who(operation: Json) -> str:
    needs = _needs(operation)
    return f"Needs a key that may {needs.replace(', of', ', one of')}." if needs else "Needs no key."


def _listed(statuses: set[str]) -> str:
    *most, last = sorted(statuses)
    return f"{', '.join(most)} or {last}" if most else last
