# Upstreams that want a password: docker-registry with htpasswd, and with tokens from a service of its own.
#
# shellcheck shell=bash
need htpasswd python3 openssl jq
source "$E2E/clients/skopeo.sh"
client_start

# endpoints PORT: a right and a wrong credential, and none, for the registry there; a project on each.
endpoints() {
    cat >"$CASE_DIR/roadstead.yml" <<YAML
registries:
  - {name: right, type: docker-registry, url: "http://$1", credential: {access_key: robot, access_secret: "$PASSWORD"}}
  - {name: wrong, type: docker-registry, url: "http://$1", credential: {access_key: robot, access_secret: nonsense}}
  - {name: nobody, type: docker-registry, url: "http://$1"}
projects:
  - {name: right, public: true, registry: right}
  - {name: wrong, public: true, registry: wrong}
  - {name: nobody, public: true, registry: nobody}
YAML
}

# said PROJECT: the status and message of a pull that fails.
said() {
    curl --silent --max-time 60 --header "Accept: $MANIFEST_TYPES" --write-out ' %{http_code}' \
        "http://$HOST/v2/$1/library/app/manifests/1"
}

# story WHAT
story() {
    step "$1: the right password pulls"
    client_pull "$HOST/right/library/app:1"
    equal "digest" "$digest" "$(client_digest "$HOST/right/library/app:1")"
    client_remove "$HOST/right/library/app:1"
    step "$1: a wrong one and none are refused, and the answer says what to look at"
    for project in wrong nobody; do
        answer=$(said "$project")
        contains "$project" ' 403$' "$answer"
        contains "$project" 'check the endpoint.s credentials' "$answer"
    done
    step "$1: a test of the connection tells them apart"
    equal "ping of the right one" 200 "$(ping right)"
    equal "ping of the wrong one" 400 "$(ping wrong)"
}

ping() {
    local id
    id=$(api "/registries?q=name=$1" | jq --arg name "$1" '.[] | select(.name == $name).id')
    status --user "admin:$ROADSTEAD_ADMIN_PASSWORD" --json "{\"id\": $id}" "http://$HOST/api/v2.0/registries/ping"
}

PASSWORD=$(openssl rand -hex 12)
upstream_start
digest=$(image "$CASE_DIR/layout" 1 "password $$")
publish "$CASE_DIR/layout" 1 "$UPSTREAM/library/app:1"
upstream_stop

port=$(free_port)
htpasswd -Bbn robot "$PASSWORD" >"$CASE_DIR/htpasswd"
cat >"$CASE_DIR/basic.yml" <<YAML
version: 0.1
log: {level: warn}
http: {addr: "127.0.0.1:$port", secret: upstream}
storage: {filesystem: {rootdirectory: $CASE_DIR/upstream}}
auth: {htpasswd: {realm: basic, path: $CASE_DIR/htpasswd}}
YAML
start basic docker-registry serve "$CASE_DIR/basic.yml"
wait_ready basic is_open "$port"
endpoints "127.0.0.1:$port"
roadstead_start roadstead
story htpasswd
stop roadstead
rm -r "$CASE_DIR/roadstead-data"

step "the same with tokens that live six seconds"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=token-server' \
    -keyout "$CASE_DIR/token.key" -out "$CASE_DIR/token.crt" 2>/dev/null
tokens=127.0.0.1:$(free_port)
start tokens "$E2E/token-server.py" "$tokens" "robot:$PASSWORD" "$CASE_DIR/token.key" "$CASE_DIR/token.crt" 6
wait_ready tokens is_open "${tokens##*:}"
port=$(free_port)
cat >"$CASE_DIR/bearer.yml" <<YAML
version: 0.1
log: {level: warn}
http: {addr: "127.0.0.1:$port", secret: upstream}
storage: {filesystem: {rootdirectory: $CASE_DIR/upstream}}
auth:
  token: {realm: "http://$tokens/token", service: peer, issuer: token-server, rootcertbundle: $CASE_DIR/token.crt}
YAML
start bearer docker-registry serve "$CASE_DIR/bearer.yml"
wait_ready bearer is_open "$port"
endpoints "127.0.0.1:$port"
roadstead_start roadstead
story tokens
# One for the repository however many blobs there were, and one for the ping.
asked=$(grep -c '"GET /token.* 200' "$CASE_DIR/tokens.out")
((asked <= 2)) || fail "$asked tokens were fetched for one pull and one ping"

step "a pull after the token has ended gets a new one"
sleep 7
equal "status" 200 "$(status --header "Accept: $MANIFEST_TYPES" "http://$HOST/v2/right/library/app/manifests/1")"
