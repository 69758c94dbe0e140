# The docker client of the stories: a dockerd of our own, started once for the whole run.
#
# vfs, because an overlay may not be had on the file system below; no bridge and no iptables, because containers
# here need no network. Plain http is allowed for 127.0.0.0/8 by dockerd itself.
#
# shellcheck shell=bash

client_start() {
    need docker dockerd runc skopeo
    export DOCKER_HOST=unix://$WORK/shared/docker.sock
    if ! docker version >/dev/null 2>&1; then
        start --shared dockerd dockerd --host "$DOCKER_HOST" --data-root "$WORK/shared/docker" \
            --exec-root "$WORK/shared/docker-exec" --pidfile "$WORK/shared/docker.pid" --storage-driver vfs \
            --bridge none --iptables=false --ip6tables=false --log-level warn
        wait_ready --shared dockerd docker version
    fi
}

# client_pull REF [ARCHITECTURE]
client_pull() { docker pull --quiet ${2:+--platform "linux/$2"} "$1"; }

# The manifest's (or index's) digest, as the client got it.
client_digest() {
    docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$1" | sed -n "s|^${1%:*}@||p"
}

# client_holds REF ARCHITECTURE CHILD-DIGEST: what was pulled for that platform is that platform's image.
client_holds() { equal "architecture" "$2" "$(docker image inspect --format '{{.Architecture}}' "$1")"; }

# Forgets the image and its layers, so that the next pull asks for all of it.
client_remove() { docker image rm --force "$1" >/dev/null; }

# What the image prints when it is run.
client_run() { docker run --rm --network none "$1"; }

# client_login USER PASSWORD, client_logout: at $HOST.
client_login() { docker login --username "$1" --password-stdin "$HOST" <<<"$2" 2>&1; }
client_logout() { docker logout "$HOST"; }

# client_build_and_push MARKER REF: an image that this client made, with the media types it uses.
client_build_and_push() {
    image "$CASE_DIR/built" it "$1" >/dev/null
    rm -f "$CASE_DIR/built.tar"
    skopeo copy --quiet "oci:$CASE_DIR/built:it" "docker-archive:$CASE_DIR/built.tar:$2"
    docker load --quiet --input "$CASE_DIR/built.tar"
    docker push --quiet "$2"
}
