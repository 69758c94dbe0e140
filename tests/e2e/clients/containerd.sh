# The containerd client of the stories: ctr with a containerd of our own, started once for the whole run.
#
# The native snapshotter, as vfs with docker. ctr keeps no logins: credentials are given with each command.
#
# shellcheck shell=bash

client_start() {
    need containerd ctr runc
    local folder=$WORK/shared/containerd
    CTR_CREDENTIALS=()
    mkdir -p "$folder"
    if [[ ! -S $folder/sock ]]; then
        cat >"$folder/config.toml" <<TOML
version = 2
root = "$folder/root"
state = "$folder/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "$folder/sock"
[ttrpc]
  address = "$folder/sock.ttrpc"
[debug]
  level = "warn"
TOML
        start --shared containerd containerd --config "$folder/config.toml"
        wait_ready --shared containerd ctr_ version
    fi
}

ctr_() { ctr --connect-timeout 1s --address "$WORK/shared/containerd/sock" "$@"; }

# With no platform given, the machine's own.
client_pull() {
    ctr_ images pull --plain-http --snapshotter native "${CTR_CREDENTIALS[@]}" ${2:+--platform "linux/$2"} "$1" >/dev/null
}

client_digest() { ctr_ images ls "name==$1" | awk 'NR == 2 { print $3 }'; }

client_holds() {
    is_in_content_store "$3" || fail "the content store lacks $3, the image for $2"
}

# Not a pipe: grep would leave before ctr has said all, and ctr would take that for an error.
is_in_content_store() {
    local content
    content=$(ctr_ content ls --quiet)
    grep -qxF "$1" <<<"$content"
}

# --sync waits for the garbage collector, which removes the content: or else the next pull would prove nothing.
client_remove() {
    local digest
    digest=$(client_digest "$1")
    ctr_ images rm --sync "$1" >/dev/null
    ! is_in_content_store "$digest" || fail "containerd still has the content of $1"
}

client_run() { ctr_ run --rm --snapshotter native "$1" "run-$RANDOM$RANDOM"; }

# There is nothing to log in to: whether the credentials are good is seen at the next command.
client_login() { CTR_CREDENTIALS=(--user "$1:$2"); }
client_logout() { CTR_CREDENTIALS=(); }

client_build_and_push() {
    image "$CASE_DIR/built" it "$1" >/dev/null
    tar --create --directory "$CASE_DIR/built" --file "$CASE_DIR/built.tar" .
    ctr_ images import --snapshotter native --base-name built "$CASE_DIR/built.tar" >/dev/null
    ctr_ images tag --force built:it "$2" >/dev/null
    ctr_ images push --plain-http "${CTR_CREDENTIALS[@]}" "$2" >/dev/null
    ctr_ images rm built:it >/dev/null
}

# Read by the story: this ctr tells of a status, and not of what the answer said.
# shellcheck disable=SC2034
DENIAL='403 Forbidden'
