# shellcheck shell=bash disable=SC2154 # variables are shared with scripts/dev/systemd
# Part of scripts/dev/systemd: what must be so in the container.

unit=claude-local-memory-server
etc=/etc/$unit
sentence='We deploy on Fridays, only after lunch'

ok() { # NAME GOT WANTED
    if [ "$2" = "$3" ]; then
        echo "ok    $1"
    else
        echo "WRONG $1: got '$2', wanted '$3'"
        failures=$((failures + 1))
    fi
}

holds() { # NAME TEXT PART: the part is in the text
    if [[ $2 == *"$3"* ]]; then ok "$1" 0 0; else ok "$1" "$2" "…$3…"; fi
}

within() { # SECONDS COMMAND...: wait until it succeeds
    local ends=$((SECONDS + $1))
    until "${@:2}" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$ends" ] || return 1
        sleep 0.2
    done
}

script() { # FLAGS...: the install script; what it said is in $said, its exit code in $code
    code=0
    said=$(guest /srv/clone/scripts/install-systemd.sh "$@" 2>&1 </dev/null) || code=$?
}

admin() { guest claude-memory-admin "$@"; }
found() { admin search --global "$@" --limit 1 2>&1 | tail -n 1; }
key() { guest cat "$etc/api-key"; }
pid() { guest systemctl show --property=MainPID --value "$unit"; }
settings() { guest sh -c "cat $etc/env $etc/api-key; ls -lR --full-time $etc /etc/systemd/system/$unit* /opt/$unit/versions | sed 's/^total.*//'" | sha256sum; }

check_installation() { # EXPOSURE
    script --wheels /srv/wheels --with-model
    ok "installs" "$code" 0
    [ "$code" = 0 ] || { echo "$said"; guest journalctl --no-pager --quiet --lines 30; exit 1; }
    holds "prints the key" "$said" "$(key)"
    holds "prints the line for agents" "$said" "claude-memory setup claude-code --server http://"
    ok "runs" "$(guest systemctl is-active "$unit")" active
    ok "starts with the machine" "$(guest systemctl is-enabled "$unit")" enabled
    ok "settings are for the service and root" "$(guest stat -c '%a %U:%G' "$etc/env")" "640 root:claude-memory"
    ok "memories are for the service" "$(guest stat -c '%a %U:%G' "/var/lib/$unit")" "700 claude-memory:claude-memory"
    ok "runs as its user" "$(guest ps -o user:20= -p "$(pid)" | tr -d ' ')" claude-memory
    ok "has no capability" "$(guest grep CapEff "/proc/$(pid)/status" | cut -f 2)" 0000000000000000
    ok "has a filter for system calls" "$(guest grep '^Seccomp:' "/proc/$(pid)/status" | cut -f 2)" 2
    local exposure
    exposure=$(guest systemd-analyze security --no-pager "$unit" | grep -o 'level.*: [0-9.]*' | grep -o '[0-9.]*$')
    echo "      exposure $exposure"
    ok "exposure at most $1" "$(awk "BEGIN { print ($exposure <= $1) }")" 1
    if [ "$1" = 1.5 ]; then
        ok "the key is root's" "$(guest stat -c '%a %U:%G' "$etc/api-key")" "600 root:root"
    else
        holds "says that the sandbox is smaller" "$said" "refuses namespaces"
        ok "the key is for the service and root" "$(guest stat -c '%a %U:%G' "$etc/api-key")" "640 root:claude-memory"
    fi
}

check_keys() {
    local bare=(env MEMORY_SERVER=http://127.0.0.1:8420 "/opt/$unit/current/bin/claude-memory")
    ok "the key is 64 hexadecimal digits" "$(key | grep -cx '[0-9a-f]\{64\}')" 1
    ok "the key opens" "$(admin add "$sentence" --no-project >/dev/null 2>&1 && echo yes)" yes
    holds "no key is refused" "$(guest "${bare[@]}" list 2>&1)" "a key is needed"
    holds "a wrong key is refused" "$(guest env MEMORY_API_KEY=wrong "${bare[@]}" list 2>&1)" "key is wrong"
    ok "the key is in no environment" "$(guest tr '\0' '\n' <"/proc/$init/root/proc/$(pid)/environ" | grep -cF -- "$(key)")" 0
    ok "so does one for a laptop" "$(guest env MEMORY_API_KEY="$(admin keys create laptop)" "${bare[@]}" stats >/dev/null 2>&1 && echo yes)" yes
    within 90 by_meaning || true
    holds "finds by meaning, with the model of the wheel" "$(found 'release schedule')" "$sentence"
    holds "doctor finds it well" "$(admin doctor 2>&1)" "ok       server     http://127.0.0.1:8420, the server"
}

by_meaning() { found 'release schedule' | grep -qF -- "$sentence"; }

check_crashes() {
    guest systemctl restart "$unit"
    holds "memories are there after a restart" "$(found Fridays --mode keyword)" "$sentence"
    admin add "Acknowledged a moment ago" --no-project >/dev/null
    local before
    before=$(pid)
    guest systemctl kill --signal KILL "$unit"
    within 60 answers || true
    ok "runs again after SIGKILL" "$([ "$(pid)" != "$before" ] && guest systemctl is-active "$unit")" active
    holds "what was acknowledged is there after SIGKILL" "$(found Acknowledged --mode keyword)" "a moment ago"
    guest systemctl stop "$unit"
    ok "stops in order" "$(guest systemctl show --property=Result --value "$unit")" success
    guest systemctl start "$unit"
    ok "answers as soon as it has started" "$(answers >/dev/null 2>&1 && echo yes)" yes
}

answers() { admin stats; }

check_hanging() {
    local before
    guest sh -c "mkdir /run/systemd/system/$unit.service.d && printf '[Service]\nWatchdogSec=3s\n' >/run/systemd/system/$unit.service.d/soon.conf"
    guest systemctl daemon-reload
    guest systemctl restart "$unit"
    before=$(pid)
    sleep 7
    ok "is left alone while it gives signs of life" "$(pid)" "$before"
    guest systemctl kill --signal STOP "$unit"
    within 60 answers || true
    ok "runs again after it hung" "$([ "$(pid)" != "$before" ] && guest systemctl is-active "$unit")" active
    guest rm -r "/run/systemd/system/$unit.service.d"
    guest systemctl daemon-reload
}

check_backups() {
    ok "the nightly backup is planned" "$(guest systemctl is-active "$unit-backup.timer")" active
    ok "a backup by hand" "$(guest systemctl start "$unit-backup.service" && echo made)" made
    holds "it is verified" "$(guest journalctl --no-pager --quiet --output cat --unit "$unit-backup")" verified
    holds "it is listed" "$(admin backup list)" verified
    holds "so is one by the command for admins" "$(admin backup create)" verified
}

check_second_run() {
    local before
    before="$(settings) $(pid)"
    script --wheels /srv/wheels --with-model
    ok "a second run succeeds" "$code" 0
    ok "it changes nothing and restarts nothing" "$(settings) $(pid)" "$before"
    ok "it does not show the key again" "$(grep -cF -- "$(key)" <<<"$said")" 0
}

check_changed_settings() {
    guest mkdir -p /srv/second
    script --port 8421 --backup-dir /srv/second/memories --backup-time 04:15
    ok "takes new settings" "$code" 0
    holds "memories are found on the new port" "$(found Fridays --mode keyword)" "$sentence"
    holds "the timer has the new time" "$(guest systemctl show --property=TimersCalendar "$unit-backup.timer")" 04:15:00
    guest systemctl start "$unit-backup.service"
    ok "backups go to the new folder" "$(guest find /srv/second/memories -name manifest.json | wc -l)" 1
    script --port 8420
    script --data-dir /srv/elsewhere
    ok "does not leave the memories behind" "$code" 1
    holds "and says so" "$said" "the memories are in /var/lib/$unit"
}

check_upgrade() {
    local before
    before=$(key)
    script --upgrade --wheels /srv/wheels/later
    ok "upgrades" "$code" 0
    holds "to the version asked for" "$said" "memory-server $version.1 is ready"
    holds "a backup comes first" "$said" verified
    ok "the key stays" "$(key)" "$before"
    holds "the memories stay" "$(found Fridays --mode keyword)" "$sentence"
    holds "the model stays" "$(within 90 by_meaning; found 'release schedule')" "$sentence"
}

check_broken_upgrades() {
    for broken in broken broken-later; do
        script --upgrade --wheels "/srv/wheels/$broken"
        ok "a $broken version fails" "$code" 1
        holds "says that the one before runs again" "$said" "so $version.1 runs again"
        ok "which it does" "$(guest systemctl is-active "$unit")" active
        holds "with the memories" "$(found Fridays --mode keyword)" "$sentence"
    done
    ok "the newer store was set aside" "$(guest find "/var/lib/$unit/replaced" -name '*.duckdb' | wc -l)" 1
}

check_from_source() {
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    script --from-source --host 127.0.0.1 --port "$port" --embedder none
    ok "installs from the clone" "$code" 0
    [ "$code" = 0 ] || { echo "$said"; return; }
    holds "says that it listens on this machine alone" "$said" "this machine alone"
    holds "answers" "$(admin status 2>&1)" "$port"
    script --upgrade --from-source
    ok "upgrades from the clone" "$code" 0
    holds "and answers" "$(admin status 2>&1)" "$port"
}

check_failed_starts() { # on a machine where nothing is installed
    guest sh -c 'python3 -m http.server 8420 >/dev/null 2>&1 & echo $! >/run/other'
    within 20 guest python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8420))' || true
    script --wheels /srv/wheels
    ok "a port in use is an error" "$code" 1
    holds "which names it" "$said" "port 8420 is in use"
    ok "before anything is installed" "$(guest test -e "/opt/$unit" || echo nothing)" nothing
    guest sh -c 'kill "$(cat /run/other)"'
    guest mkdir -p "$etc"
    guest sh -c "printf 'MEMORY_HOST=0.0.0.0\nMEMORY_PORT=8420\nMEMORY_BACKUP_KEEP=nonsense\n' >$etc/env"
    script --wheels /srv/wheels
    ok "a first start that fails is an error" "$code" 1
    guest sed -i /nonsense/d "$etc/env"
    script
    ok "the next run repairs it" "$code" 0
    ok "with the nightly backup" "$(guest systemctl is-active "$unit-backup.timer")" active
    script --uninstall --purge --yes
}

check_uninstall() {
    local before
    before=$(key)
    script --uninstall
    ok "uninstalls" "$code" 0
    ok "nothing runs" "$(guest systemctl is-active "$unit")" inactive
    ok "no program or unit is left" "$(guest find /opt /etc/systemd/system /usr/local/sbin -name '*claude*memory*' | wc -l)" 0
    ok "the memories are kept" "$(guest test -s "/var/lib/$unit/memories.duckdb" && echo yes)" yes
    script --wheels /srv/wheels
    ok "installs again" "$code" 0
    ok "with the same key" "$(key)" "$before"
    holds "and the same memories" "$(found Fridays --mode keyword)" "$sentence"
    script --uninstall --purge
    ok "a purge wants a yes" "$code" 1
    ok "and does nothing without" "$(guest systemctl is-active "$unit")" active
    script --uninstall --purge --yes
    ok "purges" "$code" 0
    ok "nothing is left" "$(guest find / -xdev -not -path '/proc/*' -not -path '/srv/*' -not -path '/var/log/*' -not -path '/run/*' -name '*claude*memory*')" ""
    ok "nor its user" "$(guest getent passwd claude-memory || echo none)" none
}
