# A hosted project passes the whole suite, version 1.1.
#
# shellcheck shell=bash
source "$E2E/conformance.sh"

cat >"$CASE_DIR/roadstead.yml" <<YAML
projects:
  - {name: conformance, public: true}
YAML
roadstead_start roadstead
conformance_run hosted 1.1 "$HOST" OCI_REPO1=conformance/repo1 OCI_REPO2=conformance/repo2 \
    OCI_USERNAME=admin OCI_PASSWORD="$ROADSTEAD_ADMIN_PASSWORD"
conformance_results_exist hosted
note "$COUNTS"
equal "failed tests" 0 "$FAILED"
# What is refused as unsupported counts as skipped: passing little must not pass for passing.
equal "skipped tests" 0 "$SKIPPED"
((PASSED >= 855)) || fail "only $PASSED passed"
