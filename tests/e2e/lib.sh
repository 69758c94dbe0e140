# What every case may use: claims, waiting, processes, the upstream registry and the server under test.
# Images are in image.sh, the stories told of every client in stories.sh, the clients in clients/.
#
# shellcheck shell=bash
set -euo pipefail

# --- Claims -----------------------------------------------------------------------------------------------------------

# What the case does now; the last one printed is where it failed.
step() { printf '== %s (at %s s)\n' "$*" "$SECONDS"; }

# Shown under the case's line even when it passes.
note() { printf 'note: %s\n' "$*"; }

fail() {
    printf 'failed: %s\n' "$*" >&2
    exit 1
}

# equal WHAT EXPECTED ACTUAL
equal() {
    [[ $2 == "$3" ]] || fail "$1: expected '$2', got '$3'"
}

# contains WHAT PATTERN TEXT: an extended regular expression, in any case.
contains() {
    grep -qiE -- "$2" <<<"$3" || fail "$1: nothing like /$2/ in: $3"
}

# refused WHAT PATTERN COMMAND…: the command fails, and says why.
refused() {
    local what=$1 pattern=$2 said code
    shift 2
    # Not in an `if`: within one, a command that is a function would go on after its first failure.
    set +e
    said=$(set -e && "$@" 2>&1)
    code=$?
    set -e
    ((code != 0)) || fail "$what: it was not refused: $said"
    contains "$what" "$pattern" "$said"
}

# need TOOL…: a case that cannot be run has failed, unless whoever runs it here said that skipping is fine.
need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null && continue
        if [[ ${E2E_ALLOW_SKIP:-} == 1 ]]; then
            echo "$tool is missing"
            exit 77
        fi
        fail "$tool is missing (E2E_ALLOW_SKIP=1 skips what cannot be run)"
    done
}

# wait_until SECONDS WHAT COMMAND…: the only waiting there is.
wait_until() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || fail "waited in vain until $what"
        sleep 0.05
    done
}

# --- Processes --------------------------------------------------------------------------------------------------------

# start [--shared] NAME COMMAND…: in the background, until the case (or, shared, the whole run) ends.
# Standard output goes to NAME.out, standard error to NAME.err.
start() {
    local folder=$CASE_DIR
    if [[ $1 == --shared ]]; then
        folder=$WORK/shared
        shift
    fi
    local name=$1
    shift
    mkdir -p "$folder/pids"
    setsid "$@" >>"$folder/$name.out" 2>>"$folder/$name.err" </dev/null &
    echo $! >"$folder/pids/$name"
}

# Neither gone nor a zombie that nobody has reaped yet.
is_running() {
    local state
    state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) && [[ -n $state && $state != Z ]]
}

is_stopped() { ! is_running "$1"; }

# stop NAME: asks, and insists after ten seconds.
stop() { stop_pid_file "$CASE_DIR/pids/$1"; }

stop_pid_file() {
    [[ -f $1 ]] || return 0
    local pid
    pid=$(<"$1")
    rm -f "$1"
    kill -TERM "$pid" 2>/dev/null || return 0
    (wait_until 10 "process $pid ends" is_stopped "$pid") 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
    wait_until 10 "process $pid is gone" is_stopped "$pid"
}

# stop_all FOLDER: everything started with that folder's pid files.
stop_all() {
    local file
    for file in "$1"/pids/*; do
        [[ -f $file ]] || continue
        stop_pid_file "$file"
    done
}

# wait_ready [--shared] NAME COMMAND…: until the command succeeds; a process that ends before that has failed.
wait_ready() {
    local folder=$CASE_DIR
    if [[ $1 == --shared ]]; then
        folder=$WORK/shared
        shift
    fi
    local name=$1 pid
    shift
    pid=$(<"$folder/pids/$name")
    wait_until 60 "$name answers" ready_or_gone "$pid" "$@"
    is_running "$pid" || fail "$name ended at its start: $(tail -n 5 "$folder/$name.err")"
}

ready_or_gone() {
    local pid=$1
    shift
    "$@" || is_stopped "$pid"
}

# --- Sockets and HTTP -------------------------------------------------------------------------------------------------

is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

is_closed() { ! is_open "$1"; }

# A port nobody has had in this run. They lie below those the kernel gives to outgoing connections.
free_port() {
    local port
    port=$(cat "$WORK/port" 2>/dev/null || echo 20000)
    port=$((port + 1))
    while is_open "$port"; do port=$((port + 1)); done
    echo "$port" | tee "$WORK/port"
}

# http CURL-ARGUMENT…: the body; fails where the answer is an error.
http() { curl --silent --show-error --fail-with-body --max-time 60 "$@"; }

# status CURL-ARGUMENT…: the status code alone.
status() { curl --silent --show-error --output /dev/null --max-time 60 --write-out '%{http_code}' "$@"; }

# api PATH [CURL-ARGUMENT…]: the management API as the administrator.
api() {
    local path=$1
    shift
    http --user "admin:$ROADSTEAD_ADMIN_PASSWORD" "$@" "http://$HOST/api/v2.0$path"
}

# --- The upstream: Debian's docker-registry ---------------------------------------------------------------------------

# upstream_start [PORT]: sets UPSTREAM (host:port). Started again on its old port, it has its old contents.
upstream_start() {
    need docker-registry
    local port=${1:-$(free_port)}
    UPSTREAM=127.0.0.1:$port
    mkdir -p "$CASE_DIR/upstream"
    cat >"$CASE_DIR/upstream.yml" <<YAML
version: 0.1
log: {level: warn}
http: {addr: "$UPSTREAM", secret: upstream}
storage:
  filesystem:
    rootdirectory: $CASE_DIR/upstream
  delete: {enabled: true}
YAML
    start upstream docker-registry serve "$CASE_DIR/upstream.yml"
    wait_ready upstream http "http://$UPSTREAM/v2/"
}

upstream_stop() {
    stop upstream
    wait_until 10 "the upstream is gone" is_closed "${UPSTREAM##*:}"
}

# The upstream's access log is its standard output. A mark is a number of lines in it.
upstream_mark() { wc -l <"$CASE_DIR/upstream.out"; }

# upstream_requests MARK PATTERN: how many requests since the mark were of that kind, such as 'GET /v2/.*/blobs/'.
# Whoever puts an image into the upstream is skopeo there, and not meant.
upstream_requests() {
    tail -n "+$(($1 + 1))" "$CASE_DIR/upstream.out" | grep -v '"skopeo/' | grep -cE "\"$2" || true
}

# Content, as opposed to the ping of a health check.
CONTENT='GET /v2/.+/(manifests|blobs|tags|referrers)/'

# no_content_asked MARK WHAT
no_content_asked() {
    equal "$2: GET requests upstream" 0 "$(upstream_requests "$1" "$CONTENT")"
}

# --- The server under test --------------------------------------------------------------------------------------------

# roadstead_start NAME: as configured in $CASE_DIR/NAME.yml; sets HOST (host:port).
# With LISTEN set, there; without, on a free port of 127.0.0.1. A second start under one name finds the old data.
roadstead_start() {
    local name=$1
    HOST=${LISTEN:-127.0.0.1:$(free_port)}
    start "$name" "$E2E_BIN" serve --config "$CASE_DIR/$name.yml" --listen "$HOST" --data "$CASE_DIR/$name-data"
    wait_ready "$name" roadstead_answers
}

roadstead_answers() { [[ $(http "http://$HOST/api/v2.0/ping") == Pong ]]; }

# One upstream seen in every way a project can see it; sets HOST.
# The docker-hub kind has the local registry's address: what is special about that kind is how short names are read.
roadstead_with_projects() {
    cat >"$CASE_DIR/roadstead.yml" <<YAML
registries:
  - {name: upstream, type: docker-registry, url: "http://$UPSTREAM"}
  - {name: short-names, type: docker-hub, url: "http://$UPSTREAM"}
projects:
  - {name: cache, public: true, registry: upstream}
  - {name: hub, public: true, registry: short-names}
  - {name: secret, public: false, registry: upstream}
  - {name: hosted, public: true}
  - {name: vault, public: false}
YAML
    roadstead_start roadstead
}

# roadstead_knows PROJECT REPOSITORY TAG DIGEST: the management API shows the artifact under its tag.
roadstead_knows() {
    local repositories artifacts
    repositories=$(api "/projects/$1/repositories?page_size=100" | jq -r '.[].name')
    grep -qxF "$1/$2" <<<"$repositories" || fail "the API does not list $1/$2, but: $repositories"
    # A slash inside a repository's name is encoded twice, as every client of that API does.
    artifacts=$(api "/projects/$1/repositories/${2//\//%252F}/artifacts?with_tag=true")
    jq -e --arg digest "$4" --arg tag "$3" 'any(.[]; .digest == $digest and any(.tags[]?; .name == $tag))' \
        >/dev/null <<<"$artifacts" || fail "the API does not show $1/$2:$3 as $4, but: $artifacts"
}

source "$E2E/image.sh"
source "$E2E/stories.sh"
