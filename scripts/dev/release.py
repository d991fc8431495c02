#!/usr/bin/env python3
"""One version for the four packages and the plugin, and what is built of them.

    scripts/dev/release.py bump 0.2.0     write version, pins, pages, lock and changelog; say what is left to do
    scripts/dev/release.py check          the version is the same everywhere, and pins are exact
    scripts/dev/release.py check DIST     … and what is built in DIST is right: wheels, sdists, what `bundle` made
    scripts/dev/release.py bundle DIST    build memory-VERSION.mcpb, memory-plugin-VERSION.zip and server.json
    scripts/dev/release.py notes VERSION [BASE]
                                          what the changelog says of it; links into the repository begin with BASE
    scripts/dev/release.py address URL    write where the repository is: project URLs, registry name, plugin pages
    scripts/dev/release.py address URL --check

uv takes a sibling from the workspace whatever its pin says, `uv lock --check` included: only a look at the files, and
at the built metadata, finds a stale pin. Standard library only. docs/releasing.md has the whole.
"""

import subprocess
import sys
from pathlib import Path

import address
import built
import bundle
import changelog
import versions

ROOT = Path(__file__).resolve().parents[2]


def bump(version: str) -> None:
    before = versions.current(ROOT)
    refuse_unless_ready(version, before)
    versions.write(ROOT, version)
    text = changelog.close(changelog.read(ROOT), version)
    (ROOT / "CHANGELOG.md").write_text(text, "utf-8", newline="\n")
    check(None)
    if before != version and (left := git("grep", "-nIF", before, "--", ".", ":!uv.lock", ":!CHANGELOG.md")):
        print(f"\nThese lines still have the digits of {before}; see whether one of them means this version:\n{left}")
    print(
        f"\nLeft to do: read `git diff`, then\n"
        f"  git commit --all --message 'Release {version}'    and bring it to main; wait until CI is green\n"
        f"  git tag --sign v{version} --message {version}    on that commit\n"
        f"  git push origin v{version}    the workflow `release` does the rest"
    )


def refuse_unless_ready(version: str, before: str) -> None:
    if changed := git("status", "--porcelain"):
        sys.exit(f"there are changes that are not committed; commit or stash them first:\n{changed}")
    text = changelog.read(ROOT)
    done = changelog.released(text)
    newest = max(done, key=versions.order, default=None)
    if newest is not None and versions.order(version) <= versions.order(newest):
        sys.exit(f"{version} is not above {newest}, which the changelog has; choose a higher one")
    if versions.order(version) < versions.order(before):
        sys.exit(f"{version} is below {before}, which the packages have; choose a higher one")
    if not changelog.unreleased(text) and (newest is None or versions.order(newest)[:3] != versions.order(version)[:3]):
        sys.exit("CHANGELOG.md has nothing under Unreleased; say first what users get")


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    if done.returncode > 1:  # 1: nothing found
        sys.exit(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.rstrip()


def check(dist: Path | None) -> None:
    refuse_for([*versions.faults(ROOT), *(built.faults(ROOT, dist) if dist else ())])
    print(f"{len(versions.packages(ROOT))} packages at {versions.current(ROOT)}, pins exact")


def refuse_for(faults: list[str]) -> None:
    if faults:
        sys.exit("\n".join(faults))


def main(arguments: list[str]) -> None:
    match arguments:
        case ["bump", version]:
            bump(version)
        case ["check"]:
            check(None)
        case ["check", dist]:
            check(Path(dist))
        case ["bundle", dist]:
            print(*bundle.build(ROOT, Path(dist)), sep="\n")
        case ["notes", version]:
            print(changelog.notes(changelog.read(ROOT), version))
        case ["notes", version, base]:
            print(changelog.notes(changelog.read(ROOT), version, base=f"{base.rstrip('/')}/"))
        case ["address", url]:
            address.write(ROOT, url)
            refuse_for(address.faults(ROOT, url))
        case ["address", url, "--check"]:
            refuse_for(address.faults(ROOT, url))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (LookupError, ValueError) as error:
        sys.exit(str(error.args[0]))
