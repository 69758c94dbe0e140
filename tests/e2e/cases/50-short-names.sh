# `hub/app` and `hub/library/app` are one image where the upstream is of the Docker Hub kind, and nobody is redirected.
#
# shellcheck shell=bash
source "$E2E/clients/docker.sh"

client_start
upstream_start
roadstead_with_projects
digest=$(image "$CASE_DIR/layout" 1 "short $$")
publish "$CASE_DIR/layout" 1 "$UPSTREAM/library/app:1"

for name in app library/app; do
    step "docker pulls hub/$name"
    client_pull "$HOST/hub/$name:1"
    equal "digest of hub/$name" "$digest" "$(client_digest "$HOST/hub/$name:1")"
    equal "output of hub/$name" "short $$" "$(client_run "$HOST/hub/$name:1")"
    for method in GET HEAD; do
        option=()
        [[ $method == GET ]] || option=(--head)
        equal "status of $method hub/$name" 200 \
            "$(status "${option[@]}" --header "Accept: $MANIFEST_TYPES" "http://$HOST/v2/hub/$name/manifests/1")"
    done
done
roadstead_knows hub library/app 1 "$digest"

step "a generic upstream reads names as they are"
equal "status of cache/app" 404 "$(status --header "Accept: $MANIFEST_TYPES" "http://$HOST/v2/cache/app/manifests/1")"
