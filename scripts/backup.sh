#!/bin/sh
# Make a backup through the running server, and copy it to a second disk if one is named. For cron or a systemd timer.
#
#   backup.sh                     through MEMORY_SERVER with MEMORY_API_KEY (or MEMORY_API_KEY_FILE) and curl;
#                                 without MEMORY_SERVER through claude-memory and this machine's own server
#   backup.sh /mnt/disk/memories  and copy it there; on the server's machine only
#
# One line on standard output for a backup that was made and verified. Otherwise one on standard error, and exit code 1.
# Of the copies the newest 30 stay, or as many as MEMORY_BACKUP_COPIES says.
set -eu
umask 077
copy_to=${1:-}
keep=${MEMORY_BACKUP_COPIES:-30}
name_of_one='[0-9]\{8\}T[0-9]\{6\}\.[0-9]\{3\}Z'

fail() {
    echo "backup.sh: $*" >&2
    exit 1
}

member() { # NAME < JSON: the value of its first member of that name, a text or a number
    # -E, since \| of basic expressions is GNU's alone.
    tr -d '\n' | sed -nE "s/.*\"$1\": *\"?((\\\\.|[^\"\\\\,}])*).*/\1/p"
}

ask() { # METHOD PATH: the answer's body; the key goes through standard input, where no other user sees it
    quoted=$(printf '%s' "$key" | sed 's/[\\"]/\\&/g')
    answer=$(printf 'header = "X-API-Key: %s"\n' "$quoted" | curl --config - --silent --show-error --max-time 3600 \
        --request "$1" --write-out '\n%{http_code}' "${MEMORY_SERVER%/}$2" 2>&1) || fail "$(printf '%s' "$answer" | head -n 1)"
    body=${answer%?[0-9][0-9][0-9]}
    case $answer in
        *2[0-9][0-9]) printf '%s' "$body" ;;
        *) fail "$MEMORY_SERVER answered: $(printf '%s' "$body" | tr -d '\n' | sed 's/.*"detail": *"\([^"]*\)".*/\1/')" ;;
    esac
}

if [ -n "${MEMORY_SERVER:-}" ] && [ "$MEMORY_SERVER" != local ]; then
    command -v curl >/dev/null || fail "curl is needed to reach $MEMORY_SERVER"
    key=${MEMORY_API_KEY:-}
    if [ -z "$key" ] && [ -n "${MEMORY_API_KEY_FILE:-}" ]; then
        key=$(cat "$MEMORY_API_KEY_FILE") || fail "$MEMORY_API_KEY_FILE cannot be read"
    fi
    made=$(ask POST /admin/backup) || exit 1
    folder() { ask GET /admin/backups | member folder; }
else
    command -v claude-memory >/dev/null || fail "set MEMORY_SERVER to the server's address, or install claude-memory"
    made=$(claude-memory --json backup create) || fail "claude-memory could not make a backup"
    folder() { claude-memory --json backup list | member folder; }
fi

name=$(printf '%s' "$made" | member name)
state=$(printf '%s' "$made" | member state)
printf '%s\n' "$name" | grep -qx "$name_of_one" || fail "what answered is no memory server, or an older one"
[ "$state" = verified ] || fail "$name is $state"
said="$(date -u +%Y-%m-%dT%H:%M:%SZ) backup $name memories=$(printf '%s' "$made" | member memories) bytes=$(printf '%s' "$made" | member bytes) $state"

if [ -n "$copy_to" ]; then
    from=$(folder)/$name
    [ -r "$from/manifest.json" ] || fail "$from cannot be read, so it was not copied; run this on the server's machine"
    [ -d "$copy_to" ] || fail "$copy_to is not there, so $name was not copied; is the disk mounted?"
    new=$copy_to/.$name.new
    rm -rf "$new"
    cp -R "$from" "$new" && diff -r "$from" "$new" >/dev/null || {
        rm -rf "$new"
        fail "$name could not be copied to $copy_to; is that disk full?"
    }
    sync
    mv "$new" "$copy_to/$name"
    # Only what is a backup by its name and its manifest is ever removed.
    # shellcheck disable=SC2010 # such a name has no character that a pipe could spoil
    ls "$copy_to" | grep -x "$name_of_one" | sort -r | tail -n "+$((keep + 1))" | while read -r old; do
        [ ! -f "$copy_to/$old/manifest.json" ] || rm -rf "${copy_to:?}/$old"
    done
    said="$said copied=$copy_to/$name"
fi
echo "$said"
