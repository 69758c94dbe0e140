# deploy/compose.yaml: one service that starts, takes its password and its proxies from the environment, and keeps what it
# has when it is made anew.
#
# shellcheck shell=bash
need docker-compose jq
source "$E2E/container.sh"
source "$E2E/clients/docker.sh"
client_start
container_assemble
docker load --quiet --input "$CONTAINER_ARCHIVE"

# As it stands, but for the network: dockerd has no bridge here, so there is nothing to publish a port from.
sed '/^    ports:/,/^      - /c\    network_mode: host' "$REPO/deploy/compose.yaml" >"$CASE_DIR/compose.yaml"
grep -q 'network_mode: host' "$CASE_DIR/compose.yaml" || fail "compose.yaml has no ports to replace"
compose() { IMAGE=$CONTAINER_IMAGE docker-compose --project-name e2e --file "$CASE_DIR/compose.yaml" "$@"; }
HOST=127.0.0.1:8080
proxies() {
    docker exec "$(compose ps --quiet roadstead)" /usr/local/bin/roadstead egress --json | jq -r '[.[].proxy] | unique | join(" ")'
}

step "the file itself is valid, ports and all"
equal "published port" 8443 "$(PORT=8443 docker-compose --file "$REPO/deploy/compose.yaml" config |
    sed -n 's/^ *- published: \([0-9]*\)$/\1/p')"

step "up"
started=$(date +%s%N)
compose up --detach --no-build
wait_until 30 "it answers" roadstead_answers
note "compose up to its first answer: $((($(date +%s%N) - started) / 1000000)) ms"
equal "the administrator, with the password of the environment" admin "$(api /users/current | jq -r .username)"
equal "proxies" "" "$(proxies)"
api /projects --header 'Content-Type: application/json' --data '{"project_name": "kept"}'

step "behind a proxy: three variables, and up again"
HTTPS_PROXY=http://proxy.example:3128 NO_PROXY=quay.io,.quay.io compose up --detach --no-build
wait_until 30 "it answers" roadstead_answers
contains "proxies" 'http://proxy.example:3128' "$(proxies)"
equal "what quay is reached by" null \
    "$(docker exec "$(compose ps --quiet roadstead)" /usr/local/bin/roadstead egress --json |
        jq 'map(select(.host == "quay.io"))[0].proxy')"

step "down and up: the project is still there"
compose down
compose up --detach --no-build
wait_until 30 "it answers" roadstead_answers
equal "project" kept "$(api '/projects?name=kept' | jq -r '.[0].name')"
compose down --volumes
