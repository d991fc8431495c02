#!/usr/bin/env bash
# Put memory-client and claude-memory on a laptop, macOS or Linux, for the server that --server names, and give them to
# Claude Code with `claude-memory setup`. Running it again changes what is asked for and nothing else. `install-client.sh --help` lists the flags.
set -euo pipefail # bash 3.2, which macOS has: no empty arrays, no associative ones
here=$(cd "$(dirname "$0")" && pwd)
settings=${XDG_CONFIG_HOME:-$HOME/.config}/claude-memory
own_uv=${XDG_DATA_HOME:-$HOME/.local/share}/claude-memory/uv

usage() {
    cat <<'HELP'
Usage: install-client.sh --server URL [FLAGS]

  --server URL         the server, such as http://memory.lan:8420
  --api-key KEY        its key; better in MEMORY_API_KEY, or "-" to read it from standard input. Without: it is asked for
  --api-key-file FILE  the key is what the file holds
  --client-id NAME     name of this machine in the memories it writes (at first its host name)

  --version X.Y.Z      that version (without: the newest)
  --wheels DIR         take the packages from wheels in DIR; if all that they need is there too, ask no index
  --from-source        take the clone that this script is part of

  --no-claude          leave Claude Code alone, and print the line for it
  --uninstall          remove the programs, the settings and what agents were given; memories are the server's
  --print              say what would be done, and do nothing
  --help               show this

The settings are in ~/.config/claude-memory: "env" for a shell, "key" for you alone.
HELP
}

say() { echo "$*"; }

fail() {
    echo "install-client.sh: $*" >&2
    exit 1
}

misused() {
    echo "install-client.sh: $*; --help lists the flags" >&2
    exit 2
}

run() { # COMMAND...: do it, or with --print say it
    if [ -n "$print" ]; then
        printf '+'
        printf ' %q' "$@"
        echo
    else
        "$@"
    fi
}

action=install print='' claude=yes server='' key='' key_from='' client_id='' version='' wheels='' from_source=''
value() { # FLAG VALUE...: the value that a flag needs
    [ $# -ge 2 ] && [ -n "$2" ] || misused "$1 needs a value"
    printf '%s' "$2"
}
while [ $# -gt 0 ]; do
    case $1 in
        --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
    esac
    case $1 in
        --server) server=$(value "$@"); shift ;;
        --api-key) key=$(value "$@"); shift ;;
        --api-key-file) key_from=$(value "$@"); shift ;;
        --client-id) client_id=$(value "$@"); shift ;;
        --version) version=$(value "$@"); shift ;;
        --wheels) wheels=$(value "$@"); shift ;;
        --from-source) from_source=yes ;;
        --no-claude) claude='' ;;
        --uninstall) action=uninstall ;;
        --print | --dry-run) print=yes ;;
        --help | -h) usage && exit 0 ;;
        *) misused "there is no flag $1" ;;
    esac
    shift
done

set_up() {
    read_settings
    local scratch
    scratch=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$scratch'" EXIT
    say "Installing memory-client and claude-memory."
    get_uv "$scratch"
    install_tools "$scratch"
    wire_agents
    case ":$PATH:" in
        *":$bin:"*) ;;
        *)
            say "$bin is not in PATH. In this shell: export PATH=\"$bin:\$PATH\""
            say "For the shells to come, if they lack it too: $uv tool update-shell"
            ;;
    esac
}

read_settings() { # what was given, else what was set before
    [ -z "$wheels" ] || [ -d "$wheels" ] || misused "there is no folder $wheels"
    [ -z "$wheels" ] || [ -z "$from_source" ] || misused "--wheels and --from-source are two sources; name one"
    [ -z "$key" ] || [ -z "$key_from" ] || misused "--api-key and --api-key-file are two keys; name one"
    server=${server:-$(was_set MEMORY_SERVER)}
    [ -n "$server" ] || misused "--server says where the server is, such as --server http://memory.lan:8420"
    case $server in
        http://?* | https://?*) ;;
        *) misused "--server takes an address such as http://memory.lan:8420, not $server" ;;
    esac
    client_id=${client_id:-$(was_set MEMORY_CLIENT_ID)}
    client_id=${client_id:-$(hostname | cut -d . -f 1)}
    case $server$client_id in *[!]A-Za-z0-9._~:/@[-]*) misused "--server and --client-id take letters, digits and . _ - only" ;; esac
    read_key
}

read_key() {
    if [ "$key" = - ]; then
        IFS= read -r key || [ -n "$key" ] || misused "--api-key - found no key on standard input"
    elif [ -z "$key$key_from${MEMORY_API_KEY:-}$print" ] && [ ! -s "$settings/key" ] && [ ! -t 0 ]; then
        misused "the server's key is needed: MEMORY_API_KEY, --api-key-file FILE, or --api-key - and the key on standard input"
    fi
}

was_set() { # VARIABLE: as our file for the shell has it
    [ ! -f "$settings/env" ] || sed -n "s/^export $1=//p" "$settings/env" | tail -n 1 | tr -d "\"'" # as setup quotes it
}

get_uv() { # SCRATCH: sets uv, the machine's or one of our own
    uv=$(command -v uv || true)
    [ -z "$uv" ] || return 0
    uv=$own_uv
    [ ! -x "$uv" ] || return 0
    command -v python3 >/dev/null || fail "uv is missing: https://docs.astral.sh/uv/ has one line that installs it"
    run mkdir -p "$(dirname "$uv")"
    if [ -n "$wheels" ] && ls "$wheels"/uv-*.whl >/dev/null 2>&1; then
        run python3 -m zipfile -e "$(echo "$wheels"/uv-*.whl | cut -d ' ' -f 1)" "$1/uv"
        run cp "$1"/uv/uv-*.data/scripts/uv "$uv"
        run chmod 755 "$uv"
    else
        python3 -c 'import ensurepip' 2>/dev/null ||
            fail "python3 lacks its part venv: install it (apt-get install python3-venv), or uv (https://docs.astral.sh/uv/)"
        run python3 -m venv "$1/tools"
        run "$1/tools/bin/pip" install --quiet --disable-pip-version-check 'uv>=0.9' ||
            fail "uv could not be installed: https://docs.astral.sh/uv/ has other ways; then run this again"
        run cp "$1/tools/bin/uv" "$uv"
    fi
}

install_tools() { # SCRATCH: one environment with both programs; sets bin, where they are
    local from=$wheels
    bin=$("$uv" tool dir --bin 2>/dev/null || echo "$HOME/.local/bin")
    if [ -n "$from_source" ]; then
        from=$1/dist
        for part in core client cli; do
            run "$uv" build --quiet --wheel --package "memory-$part" --directory "$here/.." --out-dir "$from"
        done
    fi
    if [ -n "$from" ]; then
        from=$(cd "$from" 2>/dev/null && pwd || echo "$from")
        local cli client core
        cli=$(wheel_of memory_cli "$from")
        client=$(wheel_of memory_client "$from")
        core=$(wheel_of memory_core "$from")
        set -- "$cli" --with "$client" --with "$core" --find-links "$from"
        ! ls "$from"/msgspec-*.whl >/dev/null 2>&1 || set -- "$@" --no-index
    else
        set -- "memory-cli${version:+==$version}" --upgrade
    fi
    # --force: another run's, or an earlier installation's, programs of these names make room.
    run "$uv" tool install --quiet --force --python '>=3.11' --with-executables-from memory-client "$@" ||
        fail "the programs could not be installed; the lines above say why"
}

wheel_of() { # DISTRIBUTION FOLDER: its one wheel there
    local found
    found=$(find "$2" -maxdepth 1 -name "$1-${version:-*}-*.whl" 2>/dev/null || true)
    case $found in
        '') [ -n "$print" ] || fail "$2 holds no wheel of $1${version:+ $version}" ;;
        *$'\n'*) fail "$2 holds several wheels of $1; name one with --version" ;;
    esac
    printf '%s' "${found:-$2/$1.whl}"
}

wire_agents() { # keeps address and key, gives them to Claude Code, and tries both programs
    local agent=claude-code
    [ -n "$claude" ] && command -v claude >/dev/null || agent=none
    set -- setup "$agent" --server "$server" --client-id "$client_id" --no-import
    if [ -n "$key_from" ]; then
        run "$bin/claude-memory" "$@" --api-key-file "$key_from" || not_usable
    elif [ -n "$key" ] && [ -z "$print" ]; then
        printf '%s\n' "$key" | "$bin/claude-memory" "$@" --api-key-file - || not_usable
    else
        run "$bin/claude-memory" "$@" || not_usable
    fi
    [ "$agent" != none ] || say "For an agent: claude-memory setup claude-code"
}

not_usable() {
    fail "the programs are installed, but the server cannot be used yet; the lines above say why"
}

uninstall() {
    uv=$(command -v uv || echo "$own_uv")
    bin=$("$uv" tool dir --bin 2>/dev/null || echo "$HOME/.local/bin")
    [ ! -x "$bin/claude-memory" ] || run "$bin/claude-memory" setup --remove
    run "$uv" tool uninstall --quiet memory-cli 2>/dev/null || true
    run rm -rf "$settings/env" "$settings/key" "$settings/undo" "$own_uv" "${XDG_CACHE_HOME:-$HOME/.cache}/memory-client"
    [ ! -d "$settings" ] || run rmdir "$settings" 2>/dev/null || true
    say "memory-client and claude-memory are removed; what waits in ~/.claude-memory for the server is kept"
}

case $action in
    install) set_up ;;
    uninstall) uninstall ;;
esac
