# One platform is pulled and the upstream stops: the index is whole, that platform is whole, and asking for the
# other one gets an error that says why.
#
# shellcheck shell=bash
source "$E2E/clients/skopeo.sh"

client_start
upstream_start
roadstead_with_projects
name=library/app
index=$(multi_arch_image "$CASE_DIR/layout" many "many $$" amd64 arm64)
arm64=$(child "$CASE_DIR/layout" "$index" arm64)
publish "$CASE_DIR/layout" many "$UPSTREAM/$name:many"
ref=$HOST/cache/$name:many

client_pull "$ref" amd64
client_remove "$ref"
upstream_stop

step "the index is what it was upstream, by tag and by digest"
for reference in many "$index"; do
    http --header "Accept: $MANIFEST_TYPES" "http://$HOST/v2/cache/$name/manifests/$reference" >"$CASE_DIR/answer"
    equal "index by $reference" "$index" "sha256:$(sha256sum "$CASE_DIR/answer" | cut -d' ' -f1)"
done

step "amd64 can be pulled, and runs"
client_pull "$ref" amd64
equal "output" "many $$-amd64" "$(client_run "$ref")"

step "arm64 cannot, and the answer says why"
answer=$(curl --silent --max-time 60 --header "Accept: $MANIFEST_TYPES" --write-out '\n%{http_code}' \
    "http://$HOST/v2/cache/$name/manifests/$arm64")
contains "status" '^50[234]$' "${answer##*$'\n'}"
message=$(jq -r '.errors[0].message' <<<"${answer%$'\n'*}")
note "arm64: ${answer##*$'\n'} $message"
contains "message" '(\w+ ){3,}' "$message"
refused "the pull" "." client_pull "$ref" arm64
