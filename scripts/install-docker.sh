#!/usr/bin/env bash
# Install the server as a container, from a clone of this repository; again to change or repair it. See docs/docker.md.
set -euo pipefail
umask 077

usage() {
    cat <<'TEXT'
Install the memory server as a container. Runs again without harm: key and memories stay.

  scripts/install-docker.sh [options]

  --port PORT        port of this machine [8420]
  --bind ADDRESS     address of this machine to listen on [0.0.0.0, all; with --tls 127.0.0.1]
  --api-key KEY      the key that clients send [made, and shown once]
  --volume NAME      volume for the memories [claude-memory-data]
  --data-dir DIR     a folder for the memories instead of a volume
  --build            build the image from this clone [the default]
  --image IMAGE      take this image instead, such as REGISTRY/OWNER/NAME:TAG
  --version TAG      take this tag of the image
  --tls DOMAIN       HTTPS for this name, by Caddy on ports 80 and 443
  --no-start         prepare everything, and start nothing
  --upgrade          back up, build or fetch the image again, and change over to it
  --uninstall        remove the container; memories and key stay
  --purge            with --uninstall: remove memories and key too; asks, unless --yes
  --yes              do not ask
  --print            say what would be done, and do nothing
  --help             this text
TEXT
}

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install-docker.sh: %s\n' "$*" >&2
    exit 1
}

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../docker" && pwd)
settings=$folder/.env
built=claude-memory-server:local
kept_image=claude-memory-server:before
default_volume=claude-memory-data
# Compose takes these from the caller's environment before it looks into .env; here .env decides.
unset MEMORY_IMAGE MEMORY_PUBLISH MEMORY_VOLUME MEMORY_FOLDER MEMORY_DOMAIN MEMORY_MEM_LIMIT MEMORY_KEY_FILE COMPOSE_FILE

# --- what was asked for ---

port='' bind='' key='' volume='' data_dir='' image='' tag='' domain=''
action=install build='' start=yes purge='' yes='' printing=''

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --port | --bind | --api-key | --volume | --data-dir | --image | --version | --tls)
                [ $# -gt 1 ] && [ -n "$2" ] || fail "$1 needs a value; --help lists the options"
                ;;
        esac
        case $1 in
            --port) port=$2 && shift ;;
            --bind) bind=$2 && shift ;;
            --api-key) key=$2 && shift ;;
            --volume) volume=$2 && shift ;;
            --data-dir) data_dir=$2 && shift ;;
            --image) image=$2 && shift ;;
            --version) tag=$2 && shift ;;
            --tls) domain=$2 && shift ;;
            --build) build=yes ;;
            --no-start) start='' ;;
            --upgrade) action=upgrade ;;
            --uninstall) action=uninstall ;;
            --purge) purge=yes ;;
            --yes) yes=yes ;;
            --print) printing=yes ;;
            -h | --help) usage && exit ;;
            *) fail "there is no option $1; --help lists them" ;;
        esac
        shift
    done
}

check_options() {
    [ -z "$port" ] || { [[ $port =~ ^[0-9]{1,5}$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ]; } ||
        fail "--port is $port; it takes a number from 1 to 65535"
    [ -z "$key" ] || [[ $key =~ ^[A-Za-z0-9._~+/=-]{16,}$ ]] ||
        fail "--api-key takes 16 characters or more, letters, digits and . _ ~ + / = -; without it, a key is made"
    [ -z "$volume" ] || [ -z "$data_dir" ] || fail "--volume and --data-dir exclude each other"
    [ -z "$volume" ] || [[ $volume =~ ^[A-Za-z0-9][A-Za-z0-9_.-]+$ ]] || fail "--volume is $volume, which no volume is called"
    [ -z "$data_dir" ] || [[ $data_dir == /* && $data_dir != *[:\'\"\$]* ]] ||
        fail "--data-dir is $data_dir; it takes an absolute path without : and quotes"
    [ -z "$domain" ] || [[ $domain =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]] ||
        fail "--tls is $domain; it takes a name such as memory.example.org"
    [ -z "$bind" ] || [[ $bind =~ ^[0-9.]+$|^\[[0-9a-fA-F:]+\]$ ]] ||
        fail "--bind is $bind; it takes an address, such as 127.0.0.1 or [::1]"
    [ -z "$build" ] || [ -z "$image$tag" ] || fail "--build makes the image here; --image and --version take one that is made"
    [ -z "$purge" ] || [ "$action" = uninstall ] || fail "--purge goes with --uninstall"
}

# --- settings: the lines of docker/.env; those that nobody asked to change stay as they are ---

setting() { # NAME: its value, or nothing
    [ ! -f "$settings" ] || sed -n "s/^$1=//p" "$settings" | tail -n 1
}

changes=() # NAME=VALUE

change() { changes+=("$1=$2"); }

planned() { # NAME: the value it will have
    local line value
    value=$(setting "$1")
    for line in ${changes[@]+"${changes[@]}"}; do
        [ "${line%%=*}" != "$1" ] || value=${line#*=}
    done
    printf '%s' "$value"
}

plan_settings() {
    local published address name
    [ "$action" != upgrade ] || [ -f "$settings" ] || fail "there is nothing to upgrade: $settings is not there; install first"
    if [ -n "$key" ]; then
        change MEMORY_API_KEY "$key"
    elif [ -z "$(setting MEMORY_API_KEY)$(setting MEMORY_KEY_FILE)" ]; then
        change MEMORY_API_KEY "$(new_key)"
    fi
    [ -z "$domain" ] || change MEMORY_DOMAIN "$domain"
    published=$(setting MEMORY_PUBLISH)
    published=${published:-0.0.0.0:8420}
    address=${published%:*}
    [ -z "$domain" ] || address=127.0.0.1
    change MEMORY_PUBLISH "${bind:-$address}:${port:-${published##*:}}"
    [ -z "$volume" ] || { change MEMORY_VOLUME "$volume" && change MEMORY_FOLDER ''; }
    [ -z "$data_dir" ] || change MEMORY_FOLDER "$data_dir"
    name=${image:-$(setting MEMORY_IMAGE)}
    name=${name:-$built}
    [ -z "$build" ] || name=$built
    if [ -n "$tag" ]; then
        [ "$name" != "$built" ] || fail "--version needs to know of which image; name it with --image"
        [[ ${name##*/} != *:* ]] || name=${name%:*}
        name=$name:$tag
    fi
    change MEMORY_IMAGE "$name"
}

new_key() {
    if [ -n "$printing" ]; then printf 'MADE-WHEN-INSTALLED'; else head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; fi
}

write_settings() {
    local line new
    [ -f "$settings" ] || cp "$folder/.env.example" "$settings"
    new=$(mktemp "$settings.XXXXXX")
    cp "$settings" "$new"
    for line in "${changes[@]}"; do
        # In its place, or in that of the example that is commented out, or at the end.
        LINE=$line awk '
            BEGIN { line = ENVIRON["LINE"]; name = substr(line, 1, index(line, "=")) }
            index($0, name) == 1 || (!done && index($0, "#" name) == 1) { if (!done++) print line; next }
            { print }
            END { if (!done) print line }' "$new" >"$new.next"
        mv "$new.next" "$new"
    done
    mv "$new" "$settings"
}

# --- the engine ---

engine='' compose=()

find_engine() {
    if docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
        engine=docker compose=(docker compose)
    elif command -v podman >/dev/null && command -v podman-compose >/dev/null; then
        engine=podman compose=(podman-compose)
    elif command -v docker >/dev/null; then
        docker compose version >/dev/null 2>&1 || fail "docker is here without Compose; install the package docker-compose-plugin"
        fail "docker does not answer; is it running (systemctl start docker), and may this user use it (sudo)?"
    elif command -v podman >/dev/null; then
        fail "podman is here without podman-compose; install the package podman-compose"
    else
        fail "this needs Docker with Compose, or Podman with podman-compose; neither is here"
    fi
}

run() { # a command of compose, in the folder of its files
    local files=(-f compose.yaml) image
    image=$(planned MEMORY_IMAGE)
    [ -z "$(planned MEMORY_DOMAIN)" ] || files+=(-f compose.tls.yaml)
    [ -z "$(planned MEMORY_KEY_FILE)" ] || files+=(-f compose.secret.yaml)
    if [ -n "$printing" ]; then
        say "would run: ${compose[*]} ${files[*]} $*   # in $folder"
    else
        (cd "$folder" && MEMORY_IMAGE=$image "${compose[@]}" "${files[@]}" "$@")
    fi
}

running() { run exec -T memory true >/dev/null 2>&1; }

get_image() {
    local name
    name=$(planned MEMORY_IMAGE)
    if [ "$name" = "$built" ]; then
        say "Building the image; the first time takes some minutes."
        run build memory
    else
        say "Fetching $name."
        run pull memory || true # Compose may forgive itself a failure here, because the image could be built too
        [ -n "$printing" ] || has_image || fail "$name cannot be had; is that its name, and is its registry logged in to?"
    fi
}

has_image() { "$engine" image inspect "$(planned MEMORY_IMAGE)" >/dev/null 2>&1; }

check_port() {
    local port
    port=$(planned MEMORY_PUBLISH)
    port=${port##*:}
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        fail "port $port is in use on this machine; stop what has it, or choose another with --port"
    fi
}

prepare_folder() {
    local dir
    dir=$(planned MEMORY_FOLDER)
    [ -n "$dir" ] || return 0
    if [ ! -d "$dir" ]; then
        mkdir -p "$dir" || fail "$dir cannot be made; make it, and give it to the container's user: chown 10001:10001 $dir"
        chown 10001:10001 "$dir" 2>/dev/null || [ "$engine" = podman ] ||
            fail "$dir must belong to the container's user: sudo chown 10001:10001 $dir"
    elif [ "$(id -u)" = 0 ] && [ -z "$(find "$dir" -prune -user 10001)" ]; then
        fail "$dir belongs to another user than the container's; if nothing else uses it: chown -R 10001:10001 $dir"
    fi
}

restarts() { # how often the engine has started it again
    local container
    container=$("$engine" ps --all --quiet --filter label=com.docker.compose.service=memory \
        --filter "label=com.docker.compose.project=${COMPOSE_PROJECT_NAME:-claude-memory}" | head -n 1)
    "$engine" inspect --format '{{.RestartCount}}' "$container" 2>/dev/null || echo 0
}

wait_until_ready() { # what to do if it does not get ready
    local until=$((SECONDS + 180))
    say "Waiting until the server is ready."
    until run exec -T memory memory-server healthcheck >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$until" ] || [ "$(restarts)" -ge 3 ]; then
            run logs memory 2>&1 | tail -n 20 >&2
            fail "the server does not get ready; the lines above are the last it said. $1"
        fi
        sleep 1
    done
}

# --- what a person needs to know ---

address() { # the address by which other machines reach this one
    local published found=''
    if [ -n "$(planned MEMORY_DOMAIN)" ]; then
        printf 'https://%s' "$(planned MEMORY_DOMAIN)"
        return
    fi
    published=$(planned MEMORY_PUBLISH)
    if [ "${published%:*}" = 0.0.0.0 ]; then
        found=$(ip -4 route get 192.0.2.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')
        found=${found:-$(hostname)}
    else
        found=${published%:*}
    fi
    printf 'http://%s:%s' "$found" "${published##*:}"
}

tell() { # the key of before
    local server shown='THE-KEY' before=$1
    server=$(address)
    say ""
    say "The server is at $server; its settings are in $settings."
    if [ "$(planned MEMORY_API_KEY)" != "$before" ]; then
        shown=$(planned MEMORY_API_KEY)
        say "The key, shown this once: $shown"
    elif [ -n "$(planned MEMORY_KEY_FILE)" ]; then
        say "The key is the one in $(planned MEMORY_KEY_FILE)."
    else
        say "The key is the one of before: MEMORY_API_KEY in that file."
    fi
    cat <<TEXT

On each laptop, in a clone of its own; it asks for the key:

  scripts/install-client.sh --from-source --server $server

or, where claude-memory is installed already, with a name of the machine's own in place of laptop:

  claude-memory setup claude-code --server $server --client-id laptop

or, with nothing installed there:

  claude mcp add --transport http --scope user memory $server/mcp --header "Authorization: Bearer $shown" --header "X-Client-ID: laptop"

For the command claude-memory in a shell:

  export MEMORY_SERVER=$server MEMORY_API_KEY=$shown MEMORY_CLIENT_ID=laptop
TEXT
}

show_plan() {
    local line
    for line in "${changes[@]}"; do
        [ "$(setting "${line%%=*}")" = "${line#*=}" ] || say "would set in $settings: $line"
    done
}

# --- the actions ---

install() {
    local key_before
    key_before=$(setting MEMORY_API_KEY)
    plan_settings
    if [ -n "$printing" ]; then
        show_plan
        get_image
        [ -z "$start" ] || run up -d --no-build
        tell "$key_before"
        return
    fi
    prepare_folder
    [ -z "$start" ] || running || check_port
    # The first time nothing stays of an attempt without an image: a key that was never shown helps nobody.
    [ -f "$settings" ] || trap 'rm -f "$settings"' EXIT
    write_settings
    if [ -n "$build" ] || ! has_image; then get_image; fi
    trap - EXIT
    if [ -n "$start" ]; then
        run up -d --no-build
        wait_until_ready "scripts/install-docker.sh may be run again"
    fi
    tell "$key_before"
}

upgrade() {
    local before
    before=$(setting MEMORY_IMAGE)
    before=${before:-$built}
    plan_settings
    if [ -n "$printing" ]; then
        show_plan
        run exec -T memory claude-memory backup create
        get_image
        run up -d --no-build
        return
    fi
    if running; then
        say "Making a backup."
        run exec -T memory claude-memory backup create || fail "the backup failed, so nothing was changed"
    fi
    "$engine" tag "$before" "$kept_image" || fail "the image $before is not here; install instead of upgrading"
    get_image
    write_settings
    run up -d --no-build --force-recreate
    wait_until_ready "To go back, set MEMORY_IMAGE=$kept_image in $settings and run this without --upgrade; see docs/docker.md"
    say "Upgraded: $(run exec -T memory memory-server --version)"
    say "The image of before is kept as $kept_image."
}

uninstall() {
    local kept volume gone='the key'
    [ -f "$settings" ] || fail "there is nothing to uninstall: $settings is not there"
    kept=$(setting MEMORY_FOLDER)
    volume=$(setting MEMORY_VOLUME)
    volume=${volume:-$default_volume}
    [ -n "$kept" ] || gone="the key, and the volume $volume with all memories"
    [ -z "$purge" ] || [ -n "$yes$printing" ] || confirm "$gone"
    run down
    if [ -z "$purge" ]; then
        say "Removed the container. The memories stay in ${kept:-the volume $volume}, the key in $settings;"
        say "scripts/install-docker.sh takes them up again."
    elif [ -n "$printing" ]; then
        say "would remove: $gone"
    else
        if [ -z "$kept" ] && "$engine" volume inspect "$volume" >/dev/null 2>&1; then
            "$engine" volume rm "$volume" >/dev/null
        fi
        "$engine" image rm "$built" "$kept_image" >/dev/null 2>&1 || true # they may be somebody else's, or not be here
        [ -z "$(setting MEMORY_DOMAIN)" ] || "$engine" volume rm claude-memory-caddy >/dev/null 2>&1 || true
        rm "$settings"
        say "Removed the container, $gone."
        [ -z "$kept" ] || say "The memories are still in $kept; a folder of yours is not removed by a script."
    fi
}

confirm() {
    local answer=''
    printf 'This removes %s, for good. Type "purge" to go on: ' "$1" >&2
    read -r answer || true
    [ "$answer" = purge ] || fail "nothing was removed"
}

read_options "$@"
check_options
if [ -n "$printing" ]; then engine=docker compose=(docker compose); else find_engine; fi
"$action"
