# shellcheck shell=bash disable=SC2154 # variables are shared with scripts/dev/systemd
# Part of scripts/dev/systemd: the Debian tree, and how it is booted, entered and halted.

make_tree() {
    [ ! -d "$tree/etc" ] || return 0
    echo "== a tree of $suite"
    mkdir -p "$(dirname "$tree")"
    mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus,python3,procps \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' "$suite" "$tree" \
        >"$scratch/tree.log" 2>&1 || { rm -rf "$tree"; skip "no tree of $suite: $(tail -n 1 "$scratch/tree.log")"; }
}

boot() { # FLAGS...: of systemd-nspawn. Each boot starts from the untouched tree
    init=''
    make_groups
    (
        # With a user namespace, the systemd inside must own the control group that it starts in.
        for group in "${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
        export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
        exec systemd-nspawn --quiet --boot --register=no --keep-unit --volatile=overlay --directory="$tree" \
            --console=pipe --bind-ro="$PWD:/srv/clone" --bind-ro="$wheels:/srv/wheels" "$@" >"$scratch/boot.log" 2>&1 </dev/null
    ) &
    nspawn=$!
    disown "$nspawn"
    local state=''
    for _ in $(seq 600); do
        kill -0 "$nspawn" 2>/dev/null || return 1
        init=$(pgrep --parent "$nspawn" --exact systemd) || true # not the one that prepares the namespaces
        if [ -n "$init" ]; then state=$(guest systemctl is-system-running 2>/dev/null) || true; fi
        case $state in running | degraded) return ;; esac
        sleep 0.1
    done
    return 1
}

guest() { # COMMAND...: in the container, as its root
    local user=()
    [ "$(readlink "/proc/$init/ns/user")" = "$(readlink /proc/self/ns/user)" ] || user=(--user)
    nsenter --target "$init" --mount --uts --ipc --net --pid "${user[@]}" -- \
        env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 ${trust:+"${trust[@]}"} "$@"
}

halt() {
    if [ -n "$nspawn" ]; then
        [ -z "$init" ] || kill -s RTMIN+4 "$init" 2>/dev/null || true # power off; RTMIN+3 would leave nspawn behind
        local patience=200
        [ -n "$init" ] || patience=0
        while kill -0 "$nspawn" 2>/dev/null && [ "$patience" -gt 0 ]; do
            patience=$((patience - 1))
            sleep 0.1
        done
        # The child first, which is the container's first process: without nspawn it would go on alone.
        pkill -KILL --parent "$nspawn" || true
        kill -9 "$nspawn" 2>/dev/null || true
    fi
    init='' nspawn=''
    drop_groups
}

make_groups() {
    groups=()
    for folder in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
        if [ -f "$folder/cgroup.procs" ]; then
            mkdir -p "$folder/memory-systemd-$$"
            groups+=("$folder/memory-systemd-$$")
        fi
    done
}

drop_groups() {
    for group in "${groups[@]:-}"; do
        for _ in $(seq 30); do
            [ -d "$group" ] || break
            find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null && break
            sleep 0.1
        done
    done
}
