"""What Claude Code's settings should say of hooks: put in once, recognised by their command, taken out. Pure."""

from collections.abc import Iterator

from memory_cli.setup import jsonc
from memory_cli.setup.agents import HOOKS, Hook
from memory_cli.setup.entries import ALWAYS, Command, Edited, is_bridge, table, words
from memory_cli.setup.faults import FaultError
from memory_cli.setup.jsonc_parser import Value

Path = tuple[str | int, ...]


def with_hooks(text: str, command: Command) -> Edited:
    """Raises FaultError, ShapeError."""
    before, added = text, 0
    for hook in HOOKS:
        ours = list(_our_hooks(text, hook.event))
        handler = _handler(hook, command)
        for place in reversed(ours[1:]):
            text = jsonc.take(text, place)
        if not ours:
            text = jsonc.append(text, ("hooks", hook.event), {"hooks": [handler]})
            added += 1
            continue
        kept = table(jsonc.at(text, ours[0]))
        for key, value in handler.items():
            if kept.get(key, ...) != value and (key in ALWAYS or key not in kept):
                text = jsonc.put(text, (*ours[0], key), value)
    if text == before:
        return Edited(text)
    return Edited(text, (f"added {added} hooks" if added else "brought the hooks up to date",))


def without_hooks(text: str) -> Edited:
    """Raises FaultError, ShapeError."""
    count = 0
    for event in table(jsonc.at(text, ("hooks",))):
        for place in reversed(list(_our_hooks(text, event))):
            text = jsonc.take(text, place)
            count += 1
            group = place[:-2]
            for emptied, holder in ((place[:-1], group), (group[:-1], group[:-1]), (("hooks",), ("hooks",))):
                if not jsonc.at(text, emptied):
                    text = jsonc.take(text, holder)
    return Edited(text, (f"took out {count} hooks",) if count else ())


def has_plugin(text: str, plugin: str) -> bool:
    """Whether these settings enable that plugin."""
    try:
        return jsonc.at(text, ("enabledPlugins", plugin)) is True
    except FaultError:
        return False


def _our_hooks(text: str, event: str) -> Iterator[Path]:
    groups = jsonc.at(text, ("hooks", event))
    for number, group in enumerate(groups if isinstance(groups, list) else ()):
        handlers = table(group).get("hooks")
        for index, handler in enumerate(handlers if isinstance(handlers, list) else ()):
            if "hook" in list(words(handler))[1:] and is_bridge(handler):
                yield ("hooks", event, number, "hooks", index)


def _handler(hook: Hook, command: Command) -> dict[str, Value]:
    arguments: list[Value] = [*command.arguments, "hook"]
    handler: dict[str, Value] = {"type": "command", "command": command.program, "args": arguments}
    handler["timeout"] = hook.timeout_s
    return handler if hook.waits else handler | {"async": True}
