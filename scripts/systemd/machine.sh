# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared between the parts
# Part of install-systemd.sh: where everything is, and how a step is done, shown, or refused.

name=claude-local-memory-server
account=claude-memory
app=/opt/$name
etc=/etc/$name
state=/var/lib/$name
units=/etc/systemd/system
key_file=$etc/api-key
changed='' # set when a step changed something that the service must be started again for

say() { echo "$*"; }

fail() {
    echo "install-systemd.sh: $*" >&2
    exit 1
}

misused() {
    echo "install-systemd.sh: $*; --help lists the flags" >&2
    exit 2
}

run() { # COMMAND...: do it, or with --print say it
    if [ -n "${print:-}" ]; then
        printf '+'
        printf ' %q' "$@"
        echo
    else
        "$@"
    fi
}

put() { # FILE MODE GROUP < CONTENT: the file with that content, written only if it differs, and whole or not at all
    local file=$1 mode=$2 group=$3 new
    new=$(cat; echo .) && new=${new%.}
    if [ -n "${print:-}" ]; then
        echo "+ write $file (root:$group $mode)"
        # Not the key, and not the unit files, which lie in scripts/systemd.
        [ "$file" = "$key_file" ] || [ "$(wc -l <<<"$new")" -gt 15 ] || printf '%s' "$new" | sed 's/^/    /'
        return
    fi
    if [ -f "$file" ] && [ "$(cat "$file"; echo .)" = "$new." ]; then
        chown "root:$group" "$file" && chmod "$mode" "$file"
        return
    fi
    mkdir -p "$(dirname "$file")"
    (umask 077 && printf '%s' "$new" >"$file.new")
    chown "root:$group" "$file.new" && chmod "$mode" "$file.new"
    mv "$file.new" "$file"
    changed=yes
}

as_account() { # COMMAND...: as the service's user, with the service's settings
    # shellcheck disable=SC2016 # expanded by the inner shell
    run runuser -u "$account" -- env -i PATH=/usr/bin:/bin HOME="$state" sh -c \
        'set -a; . "$0"; set +a; umask 077; cd /; exec "$@"' "$etc/env" "$@"
}

confirm() { # QUESTION: no without a terminal to ask on, unless --yes
    [ -z "$yes" ] && [ -z "$print" ] || return 0
    [ -t 0 ] || fail "$1 Add --yes to do it without being asked"
    local answer
    read -r -p "$1 [y/N] " answer
    [[ $answer == [yY]* ]]
}

package() { # COMMAND PACKAGE: have the command, from the system's packages if it is missing
    command -v "$1" >/dev/null && return
    command -v apt-get >/dev/null || fail "$1 is missing, and so is apt-get to install it with"
    say "Installing $2 with apt." >&2
    run apt-get update >/dev/null || true # a fresh container has no list of packages; an old list may still do
    run quietly env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$2" >&2 ||
        fail "$2 could not be installed; the lines above say why"
}

quietly() { # COMMAND...: what it says is shown only if it fails
    local said code=0
    said=$("$@" 2>&1 </dev/null) || code=$?
    [ "$code" = 0 ] || printf '%s\n' "$said" >&2
    return "$code"
}
