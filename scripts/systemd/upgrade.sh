# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared between the parts
# Part of install-systemd.sh: to a newer version and, if that does not work, back; and the way out.

upgrade() {
    installed || fail "nothing is installed here; run this without --upgrade"
    local before new
    before=$(readlink "$app/current")
    new=$(new_program)
    if [ -z "$print$from_source$wheels" ] && [ "$(version_of "$new")" = "$(installed_version)" ]; then
        run rm -rf "$new"
        say "$(installed_version) is the newest; nothing to upgrade"
        return
    fi
    [ -z "$backup_first" ] || back_up || {
        run rm -rf "$new"
        fail "no backup could be made, so nothing was changed; --without-backup upgrades all the same"
    }
    local snapshots
    snapshots=$(snapshots_of_store)
    run systemctl stop "$name.service"
    use_program "$new"
    write_settings
    write_units
    if start_service; then
        say_how_to_connect
        return
    fi
    explain_failure
    go_back "$before" "$new" "$snapshots"
}

back_up() {
    [ -e "$(data_folder)/memories.duckdb" ] || return 0
    say "Backup before the upgrade:"
    if systemctl is-active --quiet "$name.service"; then
        run "$app/current/systemd/claude-memory-admin" backup create
    else
        as_account "$app/current/bin/memory-server" backup create
    fi
}

data_folder() {
    local folder
    folder=$(setting MEMORY_DATA_DIR "$data_dir")
    echo "${folder:-$state}"
}

snapshots_of_store() { (cd "$(data_folder)/snapshots" 2>/dev/null && ls) || true; }

go_back() { # BEFORE NEW SNAPSHOTS: the program from before, and its store if the new one has brought it up to date
    local made
    systemctl stop "$name.service" || true
    made=$(comm -13 <(sort <<<"$3") <(snapshots_of_store | grep '\.duckdb$' | sort) | tail -n 1)
    if [ -n "$made" ]; then
        as_account "$2/bin/memory-server" rollback --to "$made" --yes || say "the store could not be rolled back"
    fi
    use_program "$1"
    write_units
    systemctl reset-failed "$name.service" 2>/dev/null || true
    if start_service; then
        rm -rf "$2"
        fail "the new version did not get ready, so $(installed_version) runs again, with all memories"
    fi
    fail "neither the new version nor $(installed_version) gets ready; journalctl -u $name says why, and" \
        "docs/backup.md how to restore the backup that was made before"
}

uninstall() {
    local folder kept_backups
    folder=$(data_folder)
    kept_backups=$(setting MEMORY_BACKUP_DIR)
    if [ -n "$purge" ]; then
        confirm "All memories in $folder, their backups there, and the key will be gone for good. Go on?" || fail "nothing was changed"
    fi
    run systemctl disable --quiet --now "$name-backup.timer" "$name.service" 2>/dev/null || true
    run systemctl stop "$name-backup.service" 2>/dev/null || true
    for unit in "$name.service" "$name-backup.service" "$name-backup.timer"; do
        run rm -rf "${units:?}/$unit" "${units:?}/$unit.d"
    done
    run systemctl daemon-reload || true
    run rm -f /usr/local/sbin/claude-memory-admin "/var/lib/systemd/timers/stamp-$name-backup.timer"
    run rm -rf "${app:?}"
    if [ -z "$purge" ]; then
        say "memory-server is removed. Kept: the memories in $folder, settings and key in $etc;" \
            "installing again finds them, --uninstall --purge removes them"
        return
    fi
    if [ -e "$folder/memories.duckdb" ] || [ "$folder" = "$state" ]; then run rm -rf "${folder:?}"; fi
    run rm -rf "${state:?}" "${etc:?}"
    if getent passwd "$account" >/dev/null; then run userdel "$account"; fi
    say "memory-server is removed, with memories, settings and key"
    case $kept_backups in '' | "$folder"/*) ;; *) say "The backups in $kept_backups are still there" ;; esac
}
