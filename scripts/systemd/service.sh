# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared between the parts
# Part of install-systemd.sh: the units, the start, the fallback, and what a person needs to know afterwards.

drop_ins=$units/$name.service.d
fallback=no-namespaces.conf

reduced() { [ -f "$drop_ins/$fallback" ]; }

write_units() {
    local from=$app/current/systemd
    [ -z "$print" ] || from=$here/systemd
    [ -f "$units/$name-backup.timer" ] || first_timer=yes
    for unit in "$name.service" "$name-backup.service" "$name-backup.timer"; do
        put "$units/$unit" 0644 root <"$from/$unit"
    done
    write_folders
    write_for_torch
    if reduced; then write_fallback; fi
    if [ -n "$backup_time" ] && [ "$backup_time" != off ]; then
        put "$units/$name-backup.timer.d/time.conf" 0644 root <<<"[Timer]
OnCalendar=
OnCalendar=*-*-* $backup_time:00"
    fi
    if [ -n "$changed$print" ]; then run systemctl daemon-reload; fi
    # Now, not after the start: if that fails, the next run finds the timer there, and could not tell it from one that
    # was turned off.
    if [ -n "${first_timer:-}" ] && [ "$backup_time" != off ]; then run systemctl enable --quiet "$name-backup.timer"; fi
}

check_port() { # before anything is changed: the service that is to listen there would not start
    local on at
    on=$(setting MEMORY_HOST "$host") at=$(setting MEMORY_PORT "$port")
    case $on in '' | 0.0.0.0) on=127.0.0.1 ;; '::' | '[::]') on=::1 ;; esac
    if [ "$(systemctl show --property=MainPID --value "$name.service")" != 0 ] && [ "$at" = "$(setting MEMORY_PORT)" ]; then return; fi
    if (exec 3<>"/dev/tcp/${on//[][]/}/${at:-8420}") 2>/dev/null; then
        fail "port ${at:-8420} is in use on this machine; stop what has it, or choose another with --port"
    fi
}

write_folders() { # which folders outside of the usual one the service may write to; "-": also while a disk is away
    local folders='' folder
    for folder in "$(setting MEMORY_DATA_DIR "$data_dir")" "$(setting MEMORY_BACKUP_DIR "$backup_dir")"; do
        case $folder in '' | "$state" | "$state"/*) ;; *) folders+=" -$folder" ;; esac
    done
    if [ -n "$folders" ]; then
        put "$drop_ins/folders.conf" 0644 root <<<"[Service]
ReadWritePaths=${folders# }"
    fi
}

write_for_torch() { # torch makes machine code as it runs
    case $(setting MEMORY_EMBEDDER "$embedder") in
        sentence-transformers:*) put "$drop_ins/torch.conf" 0644 root <<<"[Service]
MemoryDenyWriteExecute=no" ;;
    esac
}

write_fallback() {
    for unit in "$name" "$name-backup"; do
        put "$units/$unit.service.d/$fallback" 0644 root <"$app/current/systemd/$fallback"
    done
}

start_service() { # and wait until it is ready; fails if it does not get so
    run systemctl enable --quiet "$name.service"
    if [ -n "$changed$print" ] || ! systemctl is-active --quiet "$name.service"; then
        run systemctl reset-failed "$name.service" 2>/dev/null || true
        run systemctl restart "$name.service" 2>/dev/null || with_fewer_namespaces || return 1
    fi
    [ -n "$print" ] || healthy || return 1
    case $backup_time in
        off) run systemctl disable --quiet --now "$name-backup.timer" ;;
        '') if [ -n "$print" ] || systemctl is-enabled --quiet "$name-backup.timer"; then run systemctl start "$name-backup.timer"; fi ;;
        *) run systemctl enable --quiet "$name-backup.timer" && run systemctl restart "$name-backup.timer" ;;
    esac
}

with_fewer_namespaces() { # a container that refuses namespaces shows by the status that systemd gives the start
    local status
    status=$(systemctl show --property=ExecMainStatus --value "$name.service")
    case $status in 217 | 226 | 243) ;; *) return 1 ;; esac
    if reduced; then return 1; fi
    say "this container refuses namespaces (status $status): the service runs with the sandbox that works without;" \
        "nesting=1 in its settings is better, see docs/systemd.md"
    write_fallback
    write_key
    systemctl daemon-reload
    systemctl reset-failed "$name.service" 2>/dev/null || true
    systemctl restart "$name.service" 2>/dev/null
}

healthy() { # within a minute; the start has been waited for already
    local host port
    host=$(setting MEMORY_HOST) port=$(setting MEMORY_PORT)
    case $host in '' | 0.0.0.0) host=127.0.0.1 ;; '::' | '[::]') host=::1 ;; esac
    "$app/current/bin/python" - "${host//[][]/}" "${port:-8420}" "$key_file" <<'PYTHON'
import http.client, pathlib, sys, time

key = pathlib.Path(sys.argv[3]).read_text().strip()

def status(path):
    connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=10)
    try:
        connection.request("GET", path, headers={"X-API-Key": key})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()

ends = time.monotonic() + 60
while time.monotonic() < ends:
    found = status("/health/ready")
    if found == 200 or (found == 404 and status("/health") == 200):
        sys.exit(0)
    time.sleep(0.5)
sys.exit(1)
PYTHON
}

fail_to_start() {
    explain_failure
    fail "the program is installed, but it does not run; run this again when the cause is gone"
}

explain_failure() {
    local start
    start=$(systemctl show --property=InvocationID --value "$name.service")
    echo "install-systemd.sh: the service does not get ready; its last lines:" >&2
    # Those of this start alone: what the one before said, before it was stopped, explains nothing.
    SYSTEMD_COLORS=0 journalctl "_SYSTEMD_INVOCATION_ID=$start" + "INVOCATION_ID=$start" --lines 15 --no-pager --quiet \
        --output cat >&2 || true
}

say_how_to_connect() {
    [ -z "$print" ] || return 0
    local host port shown=${new_key:-THE_KEY} url
    host=$(setting MEMORY_HOST) port=$(setting MEMORY_PORT)
    case $host in 0.0.0.0 | '::' | '[::]') host=$(hostname -I 2>/dev/null | cut -d ' ' -f 1) ;; esac
    case $host in *:*) host="[${host//[][]/}]" ;; esac
    url=http://${host:-127.0.0.1}:${port:-8420}
    say "memory-server $(installed_version) is ready on $url"
    case $host in
        127.* | '[::1]' | localhost) say "It listens on this machine alone: put a proxy in front, or --host 0.0.0.0 opens it" ;;
    esac
    say
    if [ -n "$new_key" ]; then
        say "Its key, shown this once and kept in $key_file:"
        say "  $new_key"
    else
        say "Its key is the one from before, kept in $key_file"
    fi
    say
    say "On each laptop, in a clone of its own; it asks for the key:"
    say "  scripts/install-client.sh --from-source --server $url"
    say "or, where claude-memory is installed already:"
    say "  claude-memory setup claude-code --server $url   # codex, cursor, … likewise"
    say "  export MEMORY_SERVER=$url MEMORY_API_KEY=$shown"
    say
    say "Here: claude-memory-admin stats; systemctl status $name; journalctl -u $name"
}
