# The management API against its description: no fault of the server's whatever is asked, errors in Harbor's form, and
# answers of the described shape. Reads come first, on what is there; then everything that changes something.
#
#   HARBOR_SWAGGER   Harbor's own description, to hold the answers against that; without it ours is used
#
# shellcheck shell=bash
source "$E2E/contract.sh"
need jq

step "a proxy cache and a hosted project, with content"
upstream_start
image "$CASE_DIR/layout" v1 contract >/dev/null
for repository in app team/app; do
    publish "$CASE_DIR/layout" v1 "$UPSTREAM/$repository:v1"
done
roadstead_with_projects
for repository in app team/app; do
    publish "$CASE_DIR/layout" v1 "$HOST/hosted/$repository:v1" --dest-creds "admin:$ROADSTEAD_ADMIN_PASSWORD"
    status "http://$HOST/v2/cache/$repository/manifests/v1" --header "Accept: $MANIFEST_TYPES" >/dev/null
done

checks=no_fault_of_the_servers,errors_in_harbors_form,response_schema_conformance
description=$CASE_DIR/description.json base=http://$HOST
if [[ -n ${HARBOR_SWAGGER:-} ]]; then
    [[ -f $HARBOR_SWAGGER ]] || fail "there is no file $HARBOR_SWAGGER"
    # By its extension the reader knows what it reads.
    description=$CASE_DIR/harbor.${HARBOR_SWAGGER##*.} base=http://$HOST/api/v2.0
    cp "$HARBOR_SWAGGER" "$description"
else
    cp "$REPO/docs/reference/openapi.json" "$description"
    checks+=,content_type_conformance
fi

step "what is read"
contract_run reads "$description" "$base" --include-method GET --checks "$checks"

step "what is changed"
contract_run writes "$description" "$base" --exclude-method GET --checks "$checks"

step "it is well after all that, and its administrator still is"
equal "health" healthy "$(api /health | jq -r .status)"
equal "administrator" true "$(api /users/current | jq -r .sysadmin_flag)"
