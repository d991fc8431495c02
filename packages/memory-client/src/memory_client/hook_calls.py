"""A hook's one request: asked, or delivered in its turn. Takes as long as it takes: whoever calls it need not wait.

Nothing here starts a server, replaces an older one, or delivers a long backlog: that begins in a process which
outlives the hook (`Background`).
"""

import json
import os
import sys
import time

from memory_client import __version__, local
from memory_client.errors import ClientError
from memory_client.target import OUTBOX_FOLDER
from memory_client.transport import Transport
from memory_core import system

TYPE_CHECKING = False  # typing itself would cost a start 5 ms
if TYPE_CHECKING:
    from memory_client.delivery import Courier
    from memory_client.hook_events import Request
    from memory_client.outbox import Entry
    from memory_client.target import Target

_AGENT = {"User-Agent": f"memory-client/{__version__}"}
_LOOK_AGAIN_S = 0.02
_TURN_WAIT_S = 0.2  # how long for another process that is delivering
_TIME_FOR_OTHERS_S = 0.3
_BACKLOG_WITHIN_S = 120.0

DONE, FAILED, AWAY = "done", "failed", "away"


class Outcome:
    """`kind` is DONE, FAILED (to send it again is of no use) or AWAY. `why` is for people, `text` for the agent."""

    __slots__ = ("kind", "text", "why")

    def __init__(self, kind: str, why: str, *, text: str = "") -> None:
        self.kind = kind
        self.why = why
        self.text = text


class Background:
    """Starts or replaces the local server, then delivers what waits: in a process that the hook leaves behind."""

    def __init__(self) -> None:
        self.begun = False

    def begin(self) -> None:
        if self.begun or not sys.executable:
            return
        self.begun = True
        system.start_alone([sys.executable, "-P", "-m", "memory_client", "hook", "--background"])


def ask(target: "Target", request: "Request", background: Background, *, until: float) -> Outcome:
    """What the session is to be told. `until` is of the monotonic clock."""
    body = json.dumps(request.body).encode()
    if target.url is not None:
        return _asked(target.url, target.key, target, request.path, body, until)
    return _ask_local(target, request, body, background, until)


def _ask_local(target: "Target", request: "Request", body: bytes, background: Background, until: float) -> Outcome:
    """Whatever server runs is asked. A session that starts waits for one that is only now starting."""
    asked = ""
    outcome = Outcome(AWAY, "the local memory server is starting")
    while True:
        endpoint = local.find(target.data_dir)
        if endpoint is None or (request.starts and local.is_newer(__version__, endpoint.version)):
            background.begin()
        if endpoint is not None and endpoint.instance != asked:
            asked = endpoint.instance
            outcome = _asked(endpoint.url, endpoint.key, target, request.path, body, until)
        finished = outcome.kind == DONE or (outcome.kind == FAILED and not background.begun)
        if finished or not request.starts or time.monotonic() > until:
            return outcome
        time.sleep(_LOOK_AGAIN_S)


def _asked(url: str, key: str | None, target: "Target", path: str, body: bytes, until: float) -> Outcome:
    headers = {**_AGENT, **_headers(target), **({} if key is None else {"X-API-Key": key})}
    left_s = max(0.01, until - time.monotonic())
    try:
        transport = Transport(url, headers=headers, proxy=target.proxy)
        with transport.request("POST", path, body=body, timeout_s=left_s) as answer:
            status, said, kinds = answer.status, answer.read(), answer.headers
    except ClientError as error:
        return Outcome(AWAY, str(error))
    document = _document(said)
    text = document.get("text")
    if status == 200 and isinstance(text, str):
        return Outcome(DONE, "told" if text.strip() else "there is nothing to say", text=text.strip())
    if status < 400:
        return Outcome(FAILED, f"{transport.name} does not answer as a memory server does; check MEMORY_SERVER")
    from memory_client.verdicts import verdict  # only for its sentences

    return Outcome(FAILED, verdict(transport.name, status, kinds, said).said)


def deliver(courier: "Courier", entry: "Entry") -> Outcome:
    """Send `entry` after what was kept before it. AWAY: it is to be kept behind that."""
    from memory_client.verdicts import DELIVERED, LATER

    try:
        found = courier.deliver(entry, turn_within_s=_TURN_WAIT_S, within_s=_TIME_FOR_OTHERS_S)
    except ClientError as error:
        return Outcome(AWAY, str(error))
    if found.kind == DELIVERED:
        return Outcome(DONE, "delivered")
    if found.kind == LATER and not found.no_key:
        return Outcome(AWAY, found.said)
    return Outcome(FAILED, found.said)


def entry_of(target: "Target", request: "Request") -> "Entry":
    from memory_client.outbox import HOOK_VERB, written

    body = json.dumps(request.body, ensure_ascii=False).encode("utf-8", "replace")
    return written(HOOK_VERB + request.event, "POST", request.path, _headers(target), body)


def _headers(target: "Target") -> dict[str, str]:
    return {"Accept": "application/json", "Content-Type": "application/json", **target.identity_headers()}


def something_waits(target: "Target") -> bool:
    if not os.path.isdir(os.path.join(target.data_dir, OUTBOX_FOLDER)):
        return False
    from memory_client.outbox import outbox_of  # 2 ms, where there ever was something

    return bool(outbox_of(target).waiting())


def in_background(target: "Target") -> None:
    """What `Background` begins. Raises ClientError."""
    if target.url is None:
        local.connect(target.data_dir, version=__version__)
    if something_waits(target):
        from memory_client.delivery import Courier

        Courier(target, version=__version__).flush(within_s=_BACKLOG_WITHIN_S)


def _document(said: bytes) -> dict[str, object]:
    try:
        document = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
