# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared between the parts
# Part of install-systemd.sh: the system user, the settings, the key.

make_account() {
    getent passwd "$account" >/dev/null ||
        run useradd --system --user-group --home-dir "$state" --no-create-home --shell /usr/sbin/nologin "$account"
}

write_settings() {
    stay_with_memories
    run install -d -m 0750 -o root -g "$account" "$etc"
    local content
    if [ -f "$etc/env" ]; then
        content=$(cat "$etc/env")
    else
        content="# Settings of memory-server, one MEMORY_NAME=value a line: \`memory-server --help\` lists them.
# After a change: systemctl restart $name
MEMORY_HOST=0.0.0.0
MEMORY_PORT=8420"
    fi
    content=$(with_setting MEMORY_HOST "$host" <<<"$content")
    content=$(with_setting MEMORY_PORT "$port" <<<"$content")
    content=$(with_setting MEMORY_DATA_DIR "$data_dir" <<<"$content")
    content=$(with_setting MEMORY_EMBEDDER "$embedder" <<<"$content")
    content=$(with_setting MEMORY_BACKUP_DIR "$backup_dir" <<<"$content")
    put "$etc/env" 0640 "$account" <<<"$content"
    own_folder "$(setting MEMORY_DATA_DIR "$data_dir")"
    own_folder "$(setting MEMORY_BACKUP_DIR "$backup_dir")"
    write_key
}

stay_with_memories() { # a new --data-dir must not look as if they were lost
    local now
    now=$(setting MEMORY_DATA_DIR) && now=${now:-$state}
    if [ -n "$data_dir" ] && [ "$data_dir" != "$now" ] && [ -e "$now/memories.duckdb" ] && [ ! -e "$data_dir/memories.duckdb" ]; then
        fail "the memories are in $now: stop the service, move what is in there to $data_dir, and run this again"
    fi
}

with_setting() { # VARIABLE VALUE < SETTINGS: with it set, unless the value is empty
    if [ -z "$2" ]; then
        cat
    else
        awk -v line="$1=$2" -v start="$1=" \
            'index($0, start) == 1 { if (!done) print line; done = 1; next } { print } END { if (!done) print line }'
    fi
}

setting() { # VARIABLE GIVEN: what a flag gave, else what is set
    if [ -n "${2:-}" ]; then
        printf '%s' "$2"
    elif [ -f "$etc/env" ]; then
        sed -n "s/^$1=//p" "$etc/env" | tail -n 1 | tr -d "\"'"
    fi
}

own_folder() { # FOLDER: the service's own; the usual one is made by systemd
    case $1 in '' | "$state" | "$state"/*) return ;; esac
    [ "$(stat -c %U "$1" 2>/dev/null)" != "$account" ] || return 0
    if [ -e "$1" ] && [ ! -e "$1/memories.duckdb" ] && [ -n "$(ls -A "$1")" ]; then
        fail "$1 holds other things; name an empty folder, or give it to the user $account yourself"
    fi
    run install -d -m 0700 "$1"
    run chown -R "$account:$account" "$1"
}

write_key() {
    new_key=${new_key:-}
    if [ -n "$new_key" ]; then
        : # it was written a moment ago, for a sandbox that did not work
    elif [ -n "$key" ]; then
        new_key=$key
    elif [ ! -s "$key_file" ]; then
        # In hexadecimal: a key that begins with a dash is an option to whatever it is given to.
        new_key=$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
    fi
    # Where systemd cannot hand it over as a credential, the service reads it itself.
    local mode=0600 group=root
    if reduced; then mode=0640 group=$account; fi
    if [ -n "$new_key" ]; then
        put "$key_file" "$mode" "$group" <<<"$new_key"
    elif [ -z "$print" ]; then
        chown "root:$group" "$key_file" && chmod "$mode" "$key_file"
    fi
}
