# The container image, assembled from the binary under test, under docker and podman: as an unknown user, without a
# shell, on a read-only file system; it finds out by itself whether it is well, and what it keeps outlives it.
#
# shellcheck shell=bash
source "$E2E/container.sh"
source "$E2E/clients/docker.sh"
client_start
source "$E2E/clients/podman.sh"
client_start

step "it is assembled"
container_assemble
note "an unoptimised binary's image: $(($(stat -c %s "$CONTAINER_ARCHIVE") / 1048576)) MiB"
docker load --quiet --input "$CONTAINER_ARCHIVE"
podman_ load --quiet --input "$CONTAINER_ARCHIVE"

upstream_start
digest=$(image "$CASE_DIR/layout" 1 "image $$")
publish "$CASE_DIR/layout" 1 "$UPSTREAM/library/app:1"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=registry.test' \
    -keyout "$CASE_DIR/tls.key" -out "$CASE_DIR/tls.crt" 2>/dev/null
mkdir "$CASE_DIR/etc"
install --owner 65532 --mode 400 "$CASE_DIR/tls.key" "$CASE_DIR/tls.crt" "$CASE_DIR/etc"

# configure PORT [SECTION]: the file that is mounted.
configure() {
    cat >"$CASE_DIR/etc/roadstead.yml" <<YAML
data_volume: /var/lib/roadstead
${2:-http: {address: 127.0.0.1, port: $1\}}
registries:
  - {name: upstream, type: docker-registry, url: "http://$UPSTREAM"}
projects:
  - {name: cache, public: true, registry: upstream}
YAML
    chmod 644 "$CASE_DIR/etc/roadstead.yml"
    HOST=127.0.0.1:$1
}

# run_docker VOLUME [ARGUMENT…], run_podman: starts the container `roadstead`, with nothing it does not need.
run_docker() {
    local volume=$1
    shift
    docker run --detach --name roadstead --network host --read-only --cap-drop ALL --security-opt no-new-privileges \
        --health-interval 1s --volume "$volume:/var/lib/roadstead" "$@" "$CONTAINER_IMAGE" >/dev/null
}
run_podman() {
    local volume=$1
    shift
    podman_ run --detach --name roadstead --network host --read-only --cap-drop ALL --security-opt no-new-privileges \
        --pull never --log-driver k8s-file --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
        --volume "$volume:/var/lib/roadstead" "$@" "$CONTAINER_IMAGE" >/dev/null
}
docker_is_healthy() { [[ $(docker inspect --format '{{.State.Health.Status}}' roadstead) == healthy ]]; }
docker_is_not() { [[ $(docker inspect --format '{{.State.Health.Status}}' roadstead) == unhealthy ]]; }

step "docker: it starts from nothing, with the configuration it holds"
started=$(date +%s%N)
HOST=127.0.0.1:8080
run_docker data
wait_until 30 "it answers" roadstead_answers
note "docker run to its first answer: $(($(($(date +%s%N) - started)) / 1000000)) ms"
wait_until 30 "docker finds it healthy" docker_is_healthy
equal "projects" "dockerhub gcr ghcr k8s library mcr quay" \
    "$(http "http://$HOST/api/v2.0/projects?page_size=100" | jq -r '.[].name' | sort | paste -sd ' ')"
contains "its log" 'password' "$(docker logs roadstead 2>&1)"

step "docker: nobody's user, no shell, nothing to write to but the volume"
equal "user" "65532:65532" "$(docker inspect --format '{{.Config.User}}' roadstead)"
pid=$(docker inspect --format '{{.State.Pid}}' roadstead)
equal "user it runs as" 65532 "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")"
equal "capabilities" 0000000000000000 "$(awk '/^CapEff:/ { print $2 }' "/proc/$pid/status")"
refused "a shell" 'no such file|not found' docker exec roadstead /bin/sh -c true
docker export roadstead | tar --list >"$CASE_DIR/files"
equal "programs" usr/local/bin/roadstead "$(grep -E '(^|/)s?bin/.' "$CASE_DIR/files" | paste -sd ' ')"
grep -qx etc/ssl/certs/ca-certificates.crt "$CASE_DIR/files" || fail "it knows no certificate authority"
docker rm --force roadstead >/dev/null

step "docker: a configuration of one's own, and what is cached outlives the container"
configure "$(free_port)"
own=(--volume "$CASE_DIR/etc:/etc/roadstead:ro")
run_docker own "${own[@]}"
wait_until 30 "it answers" roadstead_answers
docker pull --quiet "$HOST/cache/library/app:1"
docker stop --time 20 roadstead >/dev/null
equal "exit code after SIGTERM" 0 "$(docker inspect --format '{{.State.ExitCode}}' roadstead)"
docker rm roadstead >/dev/null
docker image rm --force "$HOST/cache/library/app:1" >/dev/null
upstream_stop
run_docker own "${own[@]}"
wait_until 30 "it answers again" roadstead_answers
docker pull --quiet "$HOST/cache/library/app:1"
equal "what the image says" "image $$" "$(docker run --rm --network none "$HOST/cache/library/app:1")"
docker rm --force roadstead >/dev/null

step "docker: the health check speaks TLS, and tells a server that is not there"
port=$(free_port)
configure "$port" "https: {address: 127.0.0.1, port: $port, certificate: /etc/roadstead/tls.crt, private_key: /etc/roadstead/tls.key}"
run_docker own "${own[@]}"
wait_until 30 "docker finds it healthy" docker_is_healthy
sed -i "s/port: $port/port: $(free_port)/" "$CASE_DIR/etc/roadstead.yml"
wait_until 30 "docker finds it unhealthy" docker_is_not
contains "what the check said" 'unhealthy: .*nothing listens there' \
    "$(docker inspect --format '{{(index .State.Health.Log 0).Output}}' roadstead; docker exec roadstead /usr/local/bin/roadstead healthcheck 2>&1 || true)"
docker rm --force roadstead >/dev/null

step "podman: the same image, the same way"
configure "$(free_port)"
mkdir "$CASE_DIR/podman-data"
chown 65532:65532 "$CASE_DIR/podman-data"
upstream_start "${UPSTREAM##*:}"
run_podman "$CASE_DIR/podman-data" "${own[@]}"
wait_until 30 "it answers" roadstead_answers
equal "health" healthy "$(podman_ exec roadstead /usr/local/bin/roadstead healthcheck)"
podman_ healthcheck run roadstead
pid=$(podman_ inspect --format '{{.State.Pid}}' roadstead)
equal "user it runs as" 65532 "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")"
podman_ pull --quiet --tls-verify=false "$HOST/cache/library/app:1"
equal "digest" "$digest" "$(client_digest "$HOST/cache/library/app:1")"
podman_ stop --time 20 roadstead >/dev/null
equal "exit code after SIGTERM" 0 "$(podman_ inspect --format '{{.State.ExitCode}}' roadstead)"
podman_ rm --force roadstead >/dev/null
