# A life with harborapi, the python client of Harbor's API: from an endpoint to its deletion, each answer read into the
# client's models.
#
# shellcheck shell=bash
source "$E2E/harborapi.sh"
need python3 skopeo

upstream_start
image "$CASE_DIR/layout" v1 harborapi >/dev/null
publish "$CASE_DIR/layout" v1 "$UPSTREAM/team/app:v1"
# More than one page of the client's, which it fetches by the links it is told.
for number in {1..11}; do
    publish "$CASE_DIR/layout" v1 "$UPSTREAM/team/app:n$number"
done
echo '{}' >"$CASE_DIR/roadstead.yml"
roadstead_start roadstead
harborapi_run harborapi_life.py "$HOST" "$UPSTREAM" "$CASE_DIR"
note "$(tail -n 1 "$CASE_DIR/life.txt")"
