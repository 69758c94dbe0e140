# Three Roadsteads in a row, the outer ones with an account at the next: one download from the origin, every byte and
# digest as it was, and the edge pulls with everything behind it stopped.
#
# shellcheck shell=bash
need jq
source "$E2E/clients/skopeo.sh"
client_start
upstream_start

# roadstead_at NAME TYPE URL [CREDENTIAL]: a server whose private project `cache` is on the registry at URL.
roadstead_at() {
    cat >"$CASE_DIR/$1.yml" <<YAML
registries:
  - {name: next, type: $2, url: "$3"${4:+, credential: {access_key: puller, access_secret: $4\}}}
projects:
  - {name: cache, public: false, registry: next}
YAML
    roadstead_start "$1"
}

# account: a user who may pull from `cache`, and nothing more.
account() {
    api /users --json "{\"username\": \"puller\", \"password\": \"$1\", \"email\": \"p@example.com\", \"realname\": \"P\"}"
    api /projects/cache/members --json '{"role_id": 5, "member_user": {"username": "puller"}}'
}

PASSWORD=Pull-$(openssl rand -hex 8)
roadstead_at far docker-registry "http://$UPSTREAM"
account "$PASSWORD"
far=$HOST
# The path of a name at the next Roadstead begins with the project there.
roadstead_at middle harbor "http://$far" "$PASSWORD"
account "$PASSWORD"
middle=$HOST
roadstead_at edge docker-registry "http://$middle" "$PASSWORD"
account "$PASSWORD"
client_login puller "$PASSWORD"

digest=$(image "$CASE_DIR/layout" 1 "chain $$" amd64 16)
publish "$CASE_DIR/layout" 1 "$UPSTREAM/library/app:1"
mark=$(upstream_mark)
ref=$HOST/cache/cache/cache/library/app:1

step "cold, through all three"
client_pull "$ref"
equal "digest" "$digest" "$(client_digest "$ref")"
equal "output" "chain $$" "$(client_run "$ref")"
equal "blobs fetched from the origin" 2 "$(upstream_requests "$mark" 'GET /v2/.*/blobs/')"
equal "manifests fetched from the origin" 1 "$(upstream_requests "$mark" 'GET /v2/.*/manifests/')"

step "a moved tag is seen at the edge"
digest=$(image "$CASE_DIR/layout" 1 "moved $$")
publish "$CASE_DIR/layout" 1 "$UPSTREAM/library/app:1"
client_remove "$ref"
client_pull "$ref"
equal "digest" "$digest" "$(client_digest "$ref")"

step "each knows the one behind it"
HOST=$middle roadstead_knows cache cache/library/app 1 "$digest"
HOST=$far roadstead_knows cache library/app 1 "$digest"

step "with the origin and the two behind it stopped, the edge serves"
upstream_stop
stop far
stop middle
client_remove "$ref"
client_pull "$ref"
equal "digest" "$digest" "$(client_digest "$ref")"
