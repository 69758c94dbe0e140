# The suite finds what is known to be wrong with docker-registry 2.8: so it measures, and its results are read right.
#
# shellcheck shell=bash
source "$E2E/conformance.sh"

upstream_start
conformance_run docker-registry 1.1 "$UPSTREAM"
conformance_results_exist docker-registry
note "$COUNTS"
((TESTS >= 800)) || fail "it ran $TESTS tests only"
((PASSED >= 650)) || fail "only $PASSED passed, where about 700 do"
((FAILED >= 90 && FAILED <= 110)) || fail "$FAILED failed, where 99 are known"
grep -q 'failed: empty/referrers' "$CASE_DIR/log" || fail "that it has no referrers went unnoticed"

step "a run that could not start is not taken for a good one"
refused "no results" "left no results" conformance_run broken no-such-version "$UPSTREAM"
