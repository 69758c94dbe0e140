# What the Debian package consists of, in a root of its own where systemd is the first process: the unit starts, with all of
# its confinement, and an administrator who lost the password gets back in.
#
# The package itself is made by cargo-deb where that is installed; what it would hold is laid out from its metadata anyway.
#
# shellcheck shell=bash
need nsenter pgrep systemd-analyze systemctl systemd-sysusers python3 strip nroff jq
unit=$REPO/deploy/systemd/roadstead.service

step "how much is exposed, by systemd's own measure"
# In tenths: what docs/guides/install.md states.
systemd-analyze security --offline=true --no-pager --threshold=14 "$unit" >"$CASE_DIR/security" || fail "$(tail -n 1 "$CASE_DIR/security")"
note "$(sed -n 's/.*\(Overall.*\)/\1/p' "$CASE_DIR/security" | tr -cd '[:print:]')"

step "a root of its own"
# Not below the case's folder, which is removed after it; and nothing that is mounted here outlives the case.
root=$WORK/systemd/root
mkdir -p "$root" "$WORK/systemd/over"
cgroup=$root/sys/fs/cgroup/roadstead-e2e
clean_up() {
    if [[ -f $CASE_DIR/pids/systemd ]]; then
        # The first process of a name space listens to nothing but this.
        kill -KILL "$(<"$CASE_DIR/pids/systemd")" || true
        rm "$CASE_DIR/pids/systemd"
    fi
    wait_until 10 "its processes are gone" no_cgroup
    umount --recursive "$root" "$WORK/systemd/over" || true
}
no_cgroup() { [[ ! -d $cgroup ]] || find "$cgroup" -depth -type d -exec rmdir {} +; }
trap clean_up EXIT
mount_root() {
    mount -t tmpfs tmpfs "$WORK/systemd/over" &&
        mkdir "$WORK/systemd/over/upper" "$WORK/systemd/over/work" &&
        mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/systemd/over/upper,workdir=$WORK/systemd/over/work" "$root" &&
        mount -t sysfs -o ro sysfs "$root/sys" &&
        mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" &&
        mkdir "$cgroup"
}
# A container may keep its root from all of that, and then no systemd of our own can start.
if ! mount_root; then
    note "no root of its own can be had here: systemd is not started"
    exit 0
fi
for folder in run tmp dev var/lib; do mount -t tmpfs tmpfs "$root/$folder"; done
for device in null zero full random urandom tty ptmx; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
# Of this machine's own services nothing is started.
rm -rf "$root"/etc/systemd/system/* "$root"/lib/systemd/system/*.target.wants

step "the package's files, laid out as its metadata says"
package=$CASE_DIR/package
mkdir -p "$package/target/release" "$package/crates/roadstead" "$package/target/debian"
cp "$E2E_BIN" "$package/target/release/roadstead"
strip "$package/target/release/roadstead"
cp -r "$REPO/deploy" "$REPO/docs" "$REPO/LICENSE" "$package"
"$REPO/deploy/debian/files" "$E2E_BIN" "$package/target/debian"
python3 - "$REPO/crates/roadstead/Cargo.toml" "$package" "$root" <<'PYTHON'
import pathlib, shutil, sys, tomllib
manifest, package, root = sys.argv[1:]
deb = tomllib.load(open(manifest, "rb"))["package"]["metadata"]["deb"]
for source, target, mode in deb["assets"]:
    # As cargo-deb has it: the target folder is the workspace's, everything else is seen from the manifest.
    base = pathlib.Path(package) / ("" if source.startswith("target/release/") else "crates/roadstead")
    to = pathlib.Path(root) / target
    if target.endswith("/"):
        to = to / pathlib.Path(source).name
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(base / source, to)
    to.chmod(int(mode, 8))
units = pathlib.Path(package) / "crates/roadstead" / deb["systemd-units"]["unit-scripts"]
shutil.copyfile(units / "roadstead.service", pathlib.Path(root) / "lib/systemd/system/roadstead.service")
assert (pathlib.Path(package) / "crates/roadstead" / deb["maintainer-scripts"] / "postinst").exists()
PYTHON
sh -n "$REPO/deploy/debian/postinst"
# The script itself, without what debhelper puts in for starting the unit.
chroot "$root" sh -s configure <"$REPO/deploy/debian/postinst"
equal "mode and group of the configuration" "640 roadstead" "$(chroot "$root" stat --format '%a %G' /etc/roadstead/roadstead.yml)"
chroot "$root" systemd-analyze verify --man=no roadstead.service
nroff -man "$root/usr/share/man/man1/roadstead.1" | sed "s/.\x08//g" >"$CASE_DIR/man"
for command in SERVE HEALTHCHECK 'ADMIN RESET-PASSWORD'; do
    grep -q "$command" "$CASE_DIR/man" || fail "the manual has no $command"
done
contains "completion" 'reset-password' "$(<"$root/usr/share/bash-completion/completions/roadstead")"
bash -c 'source "$1" && complete -p roadstead' - "$root/usr/share/bash-completion/completions/roadstead"

step "systemd starts it"
mkdir -p "$root/etc/systemd/system/roadstead.service.d"
printf '[Service]\nStandardOutput=append:/run/roadstead.out\nStandardError=append:/run/roadstead.err\n' \
    >"$root/etc/systemd/system/roadstead.service.d/here.conf"
started=$(date +%s%N)
# Its root is the name space's: in a mere chroot, systemd could not confine anything. Of the machine's cgroups it has one.
# shellcheck disable=SC2016 # expanded by the inner shells
start systemd bash -c 'echo 0 >"$2/cgroup.procs" && exec unshare --mount --pid --ipc --cgroup --fork --kill-child=KILL -- bash -c "$3" - "$1"' \
    - "$root" "$cgroup" \
    'mount -t proc proc "$1/proc" && mount --bind "$1/proc/sys" "$1/proc/sys" && mount -o remount,ro,bind "$1/proc/sys" &&
        umount "$1/sys/fs/cgroup" && mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup" && cd "$1" && pivot_root . mnt && umount --lazy /mnt &&
        exec env -i PATH="$PATH" container=e2e /lib/systemd/systemd --system --unit=roadstead.service --log-target=console'
HOST=127.0.0.1:8080
systemctl_() { nsenter --target "$(pgrep --parent "$(<"$CASE_DIR/pids/systemd")")" --mount --pid -- systemctl "$@"; }
if ! (wait_ready systemd roadstead_answers); then
    systemctl_ list-jobs --no-pager || true
    systemctl_ status --no-pager roadstead || true
    fail "$(cat "$root"/run/roadstead.* 2>/dev/null)"
fi
note "boot to the first answer: $((($(date +%s%N) - started) / 1000000)) ms"
equal "state" active "$(systemctl_ is-active roadstead)"

step "as its own user, confined"
pid=$(pgrep --full '^/usr/bin/roadstead serve')
status_of() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$pid/status"; }
equal "user" "$(chroot "$root" id --user roadstead)" "$(status_of Uid)"
equal "capabilities: to bind low ports" 0000000000000400 "$(status_of CapEff)"
equal "no new privileges" 1 "$(status_of NoNewPrivs)"
equal "system calls are filtered" 2 "$(status_of Seccomp)"
equal "data folder" "700 roadstead" "$(chroot "$root" stat --format '%a %U' /var/lib/roadstead)"

step "back in, with the server running and stopped"
password=$(chroot "$root" cat /var/lib/roadstead/admin-password)
equal "with the first password" 200 "$(status --user "admin:$password" "http://$HOST/api/v2.0/users/current")"
reset() { chroot "$root" env --unset=ROADSTEAD_ADMIN_PASSWORD /usr/bin/roadstead admin reset-password --config /etc/roadstead/roadstead.yml "$@"; }
jar=$CASE_DIR/cookies
# The refusal of a form without a token brings one.
token=$(curl --silent --cookie-jar "$jar" --output /dev/null --dump-header - --data principal=admin "http://$HOST/c/login" |
    tr -d '\r' | sed -n 's/^x-harbor-csrf-token: *//Ip')
http --cookie "$jar" --cookie-jar "$jar" --header "X-Harbor-CSRF-Token: $token" --data-urlencode principal=admin \
    --data-urlencode "password=$password" "http://$HOST/c/login"
equal "a session" 200 "$(status --cookie "$jar" "http://$HOST/api/v2.0/users/current")"
second=$(reset)
equal "with the old password" 401 "$(status --user "admin:$password" "http://$HOST/api/v2.0/users/current")"
equal "with the new one" 200 "$(status --user "admin:$second" "http://$HOST/api/v2.0/users/current")"
equal "the session of before" 401 "$(status --cookie "$jar" "http://$HOST/api/v2.0/users/current")"
systemctl_ stop roadstead
equal "how it ended" success "$(systemctl_ show --property Result --value roadstead)"
refused "too weak a password" 'password' reset --password-stdin <<<'weak'
refused "nobody" 'no user nobody' reset --username nobody
reset --password-stdin <<<'Third-passw0rd'
systemctl_ start roadstead
wait_until 30 "it answers again" roadstead_answers
equal "with the third" 200 "$(status --user admin:Third-passw0rd "http://$HOST/api/v2.0/users/current")"
equal "files of another user's" "" "$(chroot "$root" find /var/lib/roadstead ! -user roadstead)"
refused "no database" 'no database' reset --data /nowhere

step "it comes back after it was killed"
pid=$(pgrep --full '^/usr/bin/roadstead serve')
kill -KILL "$pid"
is_another() { local now; now=$(pgrep --full '^/usr/bin/roadstead serve') && [[ $now != "$pid" ]] && roadstead_answers; }
wait_until 30 "it was started again" is_another
