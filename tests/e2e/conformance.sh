# The distribution-spec's conformance suite: building it, running it, and believing its results only where there are any.
#
# The suite is a program in a Go module. It exits with 0, and leaves no results, when its configuration is wrong;
# so it is the results that count here.
#
# shellcheck shell=bash

# Moves only on purpose: the counts that the cases expect go with it.
CONFORMANCE_VERSION=v0.0.0-20260831232431-97274622c111

conformance_program() { echo "$E2E_CACHE/conformance-$CONFORMANCE_VERSION"; }

# Builds the suite where the cache does not have it yet. Needs go, and the network the first time.
conformance_build() {
    [[ ! -x $(conformance_program) ]] || return 0
    mkdir -p "$E2E_CACHE"
    local folder
    folder=$(mktemp -d "$E2E_CACHE/build.XXXXXX")
    GOBIN=$folder GOFLAGS='' go install \
        "github.com/opencontainers/distribution-spec/conformance@$CONFORMANCE_VERSION" >"$folder/log" 2>&1 || {
        sed 's/^/conformance: /' "$folder/log" >&2
        rm -rf "$folder"
        return 1
    }
    mv "$folder/conformance" "$(conformance_program)"
    rm -rf "$folder"
}

# conformance_run NAME VERSION REGISTRY [VARIABLE=VALUE…]: sets TESTS, PASSED, FAILED, SKIPPED (what the
# registry does not offer), DISABLED (what was not asked) and COUNTS (all of them in words), as the suite reports them.
# Names of what failed are printed. Whether failures matter is the case's to say.
conformance_run() {
    local name=$1 version=$2 registry=$3 report=$CASE_DIR/$1.txt
    shift 3
    [[ -x $(conformance_program) ]] || need go
    [[ -x $(conformance_program) ]] || fail "the conformance suite could not be built: what go said is at the top"
    rm -rf "$CASE_DIR/$name-results"
    env -C "$CASE_DIR" OCI_CONFIGURATION=/dev/null OCI_RESULTS_DIR="$CASE_DIR/$name-results" OCI_VERSION="$version" \
        OCI_REGISTRY="$registry" OCI_TLS=disabled "$@" "$(conformance_program)" >"$report" 2>&1 || true
    if ! grep -q '^OCI Conformance Result: ' "$report"; then
        tail -n 20 "$report"
        fail "the suite left no results"
    fi
    TESTS=$(conformance_count "$report" Total)
    PASSED=$(conformance_count "$report" Pass)
    FAILED=$(($(conformance_count "$report" FAIL) + $(conformance_count "$report" Error)))
    SKIPPED=$(conformance_count "$report" Skip)
    DISABLED=$(conformance_count "$report" Disabled)
    COUNTS="$PASSED of $TESTS passed, $FAILED failed, $SKIPPED skipped, $DISABLED disabled"
    echo "$name: $COUNTS"
    ((TESTS > 0 && TESTS == PASSED + FAILED + SKIPPED + DISABLED)) || fail "the suite's report adds up to something else"
    if ((FAILED > 0)); then
        sed -n 's/.*msg="failed test" name="OCI Conformance Test\/\([^"]*\)" error="\(.\{0,160\}\).*/  failed: \1: \2/p' \
            "$report" | awk 'NR <= 20'
    fi
}

# conformance_count REPORT STATUS: in the sums that follow the result, as in `  Pass.....:   703`.
conformance_count() {
    local count
    count=$(sed -n "/^OCI Conformance Result: /,/^  Total/s/^  $2\.*: *\([0-9]*\)\$/\1/p" "$1")
    [[ -n $count ]] || fail "the suite's report does not count '$2'"
    echo "$count"
}

# conformance_results_exist NAME: a run that reached its end leaves its results in files too.
conformance_results_exist() {
    local file
    for file in results.yaml junit.xml report.html; do
        [[ -s $CASE_DIR/$1-results/$file ]] || fail "the suite left no $file"
    done
}
