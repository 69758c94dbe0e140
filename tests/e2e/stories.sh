# The stories told of every client. A client is a file in clients/ that defines client_start, client_pull and so on;
# a case is a client and one of these.
#
# shellcheck shell=bash

# A first pull brings the image, a second one costs the upstream nothing, a moved tag is followed, each platform gets
# its own image, and with the upstream stopped everything that was pulled can be pulled again.
story_pull_through() {
    local first second index cold hot layout=$CASE_DIR/layout ref name=library/app
    client_start
    upstream_start
    roadstead_with_projects
    ref=$HOST/cache/$name:stable
    first=$(image "$layout" first "first of $$")
    publish "$layout" first "$UPSTREAM/$name:stable"

    step "a cold pull brings the image, and each blob crosses once"
    cold=$(upstream_mark)
    client_pull "$ref"
    equal "digest" "$first" "$(client_digest "$ref")"
    wait_until 10 "both blobs are in the upstream's log" two_blobs_since "$cold"
    equal "blobs fetched" 2 "$(upstream_requests "$cold" 'GET /v2/.+/blobs/')"
    equal "manifests fetched" 1 "$(upstream_requests "$cold" 'GET /v2/.+/manifests/')"
    roadstead_knows cache "$name" stable "$first"

    step "it runs"
    equal "output" "first of $$" "$(client_run "$ref")"

    step "a hot pull asks the upstream for no content"
    client_remove "$ref"
    hot=$(upstream_mark)
    client_pull "$ref"
    equal "digest" "$first" "$(client_digest "$ref")"
    equal "output" "first of $$" "$(client_run "$ref")"
    no_content_asked "$hot" "a hot pull"

    step "a pull by digest asks the upstream for nothing at all"
    client_remove "$ref"
    hot=$(upstream_mark)
    client_pull "$HOST/cache/$name@$first"
    client_remove "$HOST/cache/$name@$first"
    equal "requests upstream" 0 "$(upstream_requests "$hot" '[A-Z]+ /v2/.+/')"

    step "a moved tag is followed"
    second=$(image "$layout" second "second of $$")
    publish "$layout" second "$UPSTREAM/$name:stable"
    client_pull "$ref"
    equal "digest" "$second" "$(client_digest "$ref")"
    equal "output" "second of $$" "$(client_run "$ref")"
    roadstead_knows cache "$name" stable "$second"

    step "each platform gets its own image"
    index=$(multi_arch_image "$layout" many "many of $$" amd64 arm64)
    publish "$layout" many "$UPSTREAM/$name:many"
    local many=$HOST/cache/$name:many architecture
    for architecture in arm64 amd64; do
        client_pull "$many" "$architecture"
        client_holds "$many" "$architecture" "$(child "$layout" "$index" "$architecture")"
    done
    equal "output" "many of $$-amd64" "$(client_run "$many")"
    roadstead_knows cache "$name" many "$index"

    step "with the upstream stopped, what was pulled is still there"
    client_remove "$ref"
    client_remove "$many"
    upstream_stop
    client_pull "$ref"
    equal "digest" "$second" "$(client_digest "$ref")"
    equal "output" "second of $$" "$(client_run "$ref")"
    client_pull "$many" amd64
    equal "output" "many of $$-amd64" "$(client_run "$many")"

    step "the upstream is back: what is new there can be pulled, without a restart here"
    upstream_start "${UPSTREAM##*:}"
    first=$(image "$layout" third "third of $$")
    publish "$layout" third "$UPSTREAM/$name:stable"
    wait_until 60 "the tag is followed again" pull_brings "$ref" "$first"
    equal "output" "third of $$" "$(client_run "$ref")"
}

two_blobs_since() { (($(upstream_requests "$1" 'GET /v2/.+/blobs/') >= 2)); }

pull_brings() { client_pull "$1" && [[ $(client_digest "$1") == "$2" ]]; }

# Of a private project nobody learns anything without a login, not even when the image is cached.
story_private_project() {
    local digest layout=$CASE_DIR/layout ref mark
    client_start
    upstream_start
    roadstead_with_projects
    ref=$HOST/secret/library/app:1
    digest=$(image "$layout" 1 "secret of $$")
    publish "$layout" 1 "$UPSTREAM/library/app:1"

    step "without a login, a pull is refused and costs the upstream nothing"
    mark=$(upstream_mark)
    refused "a pull without login" "$REFUSAL" client_pull "$ref"
    equal "requests upstream" 0 "$(upstream_requests "$mark" '[A-Z]+ /v2/')"

    step "a wrong password is refused"
    refused "a pull with a wrong password" "$REFUSAL" login_and_pull admin not-the-password "$ref"
    client_logout || true

    step "with a login, it is pulled"
    client_login admin "$ROADSTEAD_ADMIN_PASSWORD"
    client_pull "$ref"
    equal "digest" "$digest" "$(client_digest "$ref")"
    equal "output" "secret of $$" "$(client_run "$ref")"

    step "after the logout it is refused again, though it is cached"
    client_logout
    client_remove "$ref"
    refused "a pull after logout" "$REFUSAL" client_pull "$ref"
}

# How clients tell of a 401: in the registry's words, or in their own.
REFUSAL='unauthorized|authentication required|access denied|requested access|denied|401|insufficient_scope|invalid username'

login_and_pull() {
    client_login "$1" "$2"
    client_pull "$3"
}

# What is pushed to a hosted project is there for everyone it is meant for; a proxy cache takes no pushes.
story_push() {
    local ref said digest
    client_start
    upstream_start
    roadstead_with_projects
    ref=$HOST/hosted/team/built:1

    step "without a login, a push is refused at once, though the project is public"
    # docker tries five times, for 50 s, where the challenge does not say insufficient_scope to its token.
    local started=$SECONDS
    refused "a push without login" "$REFUSAL" client_build_and_push "built of $$" "$ref"
    ((SECONDS - started < 30)) || fail "it took the client $((SECONDS - started)) s to be told"

    step "with a login, it is taken"
    client_login admin "$ROADSTEAD_ADMIN_PASSWORD"
    client_build_and_push "built of $$" "$ref"
    digest=$(http --head --header "Accept: $MANIFEST_TYPES" "http://$HOST/v2/hosted/team/built/manifests/1" |
        tr -d '\r' | sed -n 's/^docker-content-digest: //Ip')
    roadstead_knows hosted team/built 1 "$digest"

    step "pushed again, under another tag and to another repository, it is taken too"
    client_build_and_push "built of $$" "$HOST/vault/team/built:2"

    step "pulled back, it is what was pushed"
    client_remove "$ref" || true
    client_pull "$ref"
    equal "output" "built of $$" "$(client_run "$ref")"

    step "a push to a proxy cache is denied in a sentence"
    refused "a push to a proxy cache" "${DENIAL:-denied.*proxy}" \
        client_build_and_push "built of $$" "$HOST/cache/team/built:1"
    said=$(curl --silent --user "admin:$ROADSTEAD_ADMIN_PASSWORD" --request POST --write-out '\n%{http_code}' \
        "http://$HOST/v2/cache/team/built/blobs/uploads/")
    equal "status" 403 "${said##*$'\n'}"
    equal "code" DENIED "$(jq -r '.errors[0].code' <<<"${said%$'\n'*}")"
    contains "the message" '(\w+ ){4,}' "$(jq -r '.errors[0].message' <<<"${said%$'\n'*}")"
    refused "the repository in the proxy cache" 404 api "/projects/cache/repositories/team%252Fbuilt"
}
