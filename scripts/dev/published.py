"""What others publish, asked about our files. Run it with scripts/dev/plugin."""

import json
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import bundle
from jsonschema.validators import validator_for

ROOT = Path(__file__).resolve().parents[2]
STORE = "https://www.schemastore.org"
SCHEMAS = (
    (f"{STORE}/claude-code-marketplace.json", ROOT / ".claude-plugin/marketplace.json"),
    (f"{STORE}/claude-code-plugin-manifest.json", ROOT / bundle.PLUGIN),
    # Hooks stand in a plugin as they do in a settings file.
    (f"{STORE}/claude-code-settings.json", ROOT / "plugins/memory/hooks/hooks.json"),
)
MCPB = "@anthropic-ai/mcpb@2.1.2"
TIMEOUT_S = 10.0


class CannotBeHadError(Exception):
    """A schema or a tool is not in reach."""


def main() -> int:
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        built, _, listing = bundle.build(ROOT, Path(folder))
        checks = {file: partial(violations, url, file) for url, file in (*SCHEMAS, (bundle.REGISTRY_SCHEMA, listing))}
        for file, check in (checks | {built: partial(refused_by_mcpb, built)}).items():
            try:
                faults = list(check())
            except CannotBeHadError as reason:
                print(f"skipped: {file.name} ({reason})")
                continue
            failed = failed or bool(faults)
            print(f"{file.name}: {'not as published' if faults else 'as published'}", *faults, sep="\n")
    return 1 if failed else 0


def violations(url: str, file: Path) -> Iterator[str]:
    schema = fetched(url)
    for error in validator_for(schema)(schema).iter_errors(json.loads(file.read_text("utf-8"))):
        yield f"  {error.json_path}: {error.message}"


def fetched(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            return json.load(answer)
    except (urllib.error.URLError, TimeoutError) as error:
        raise CannotBeHadError(f"{url} cannot be fetched: {getattr(error, 'reason', error)}") from None


def refused_by_mcpb(built: Path) -> Iterator[str]:
    """It reads what is in the bundle, says whether the manifest is right, and packs it anew."""
    npx = shutil.which("npx")
    if npx is None:
        raise CannotBeHadError("npx is not installed")
    mcpb = [npx, "--yes", MCPB]
    if (tried := ran([*mcpb, "--version"])).returncode:
        raise CannotBeHadError(f"{MCPB} cannot be installed: {last_line(tried)}")
    unpacked = built.with_suffix("")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(unpacked)
    for command in (["validate", str(unpacked)], ["pack", str(unpacked), str(built.with_suffix(".packed"))]):
        if (done := ran([*mcpb, *command])).returncode:
            yield f"  mcpb {command[0]}: {done.stdout}{done.stderr}"


def ran(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr or done.stdout).strip().rpartition("\n")[2] or "it does not say why"


if __name__ == "__main__":
    sys.exit(main())
