# The podman client of the stories: no daemon, a store per case.
#
# The limits given to `run` keep to what the machine allows: podman's own wish for open files is refused where
# root lacks the capability to raise limits.
#
# shellcheck shell=bash

client_start() { need podman runc skopeo; }

podman_() {
    podman --root "$CASE_DIR/podman" --runroot "$CASE_DIR/run" --tmpdir "$CASE_DIR/podman-tmp" \
        --storage-driver vfs --cgroup-manager cgroupfs --events-backend none --runtime runc "$@"
}

client_pull() { podman_ pull --quiet --tls-verify=false ${2:+--arch "$2"} "$1"; }

client_digest() { podman_ image inspect --format '{{.Digest}}' "$1"; }

client_holds() { equal "architecture" "$2" "$(podman_ image inspect --format '{{.Architecture}}' "$1")"; }

client_remove() { podman_ image rm --force "$1" >/dev/null; }

client_run() {
    podman_ run --rm --pull never --network none --log-driver none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$1"
}

client_login() { podman_ login --tls-verify=false --username "$1" --password-stdin "$HOST" <<<"$2" 2>&1; }
client_logout() { podman_ logout "$HOST"; }

client_build_and_push() {
    image "$CASE_DIR/built" it "$1" >/dev/null
    rm -f "$CASE_DIR/built.tar"
    skopeo copy --quiet "oci:$CASE_DIR/built:it" "docker-archive:$CASE_DIR/built.tar:$2"
    podman_ load --quiet --input "$CASE_DIR/built.tar"
    podman_ push --quiet --tls-verify=false "$2"
}
