# Schemathesis: a program that makes requests of an API's description, good and bad ones, and looks at the answers.
#
# What it shall look at, and which values it shall know, is in contract.py.
#
# shellcheck shell=bash

# Moves only on purpose: another version asks other questions.
SCHEMATHESIS_VERSION=4.32.5

schemathesis_home() { echo "$E2E_CACHE/schemathesis-$SCHEMATHESIS_VERSION"; }

# Installs it where the cache does not have it yet. Needs python3 with venv, and the network the first time.
contract_build() {
    [[ ! -x $(schemathesis_home)/bin/schemathesis ]] || return 0
    mkdir -p "$E2E_CACHE"
    rm -rf "$(schemathesis_home)"
    # The programs in it name its folder: it is made where it stays.
    python3 -m venv "$(schemathesis_home)" &&
        "$(schemathesis_home)/bin/pip" install --quiet "schemathesis==$SCHEMATHESIS_VERSION" >&2 || {
        rm -rf "$(schemathesis_home)"
        return 1
    }
}

# contract_run NAME DESCRIPTION BASE-URL [ARGUMENT…]: asks as the administrator; fails where an answer is not as it must be.
contract_run() {
    local name=$1 description=$2 url=$3 report=$CASE_DIR/$1.txt status=0
    shift 3
    [[ -x $(schemathesis_home)/bin/schemathesis ]] ||
        fail "schemathesis could not be installed: what pip said is at the top"
    env -C "$CASE_DIR" PYTHONPATH="$E2E" PYTHONDONTWRITEBYTECODE=1 SCHEMATHESIS_HOOKS=contract \
        "$(schemathesis_home)/bin/schemathesis" run "$description" --url "$url" \
        --auth "admin:$ROADSTEAD_ADMIN_PASSWORD" --phases coverage,fuzzing --max-examples 15 --seed 7 \
        --warnings off --continue-on-failure --suppress-health-check all --no-color "$@" >"$report" 2>&1 || status=$?
    if ((status != 0)); then
        sed -n '/= FAILURES =/,$p' "$report" | head -n 80
        tail -n 30 "$report"
        fail "$name: not every answer is as it must be"
    fi
    note "$name: $(sed -n 's/^ *\([0-9]* generated, .*\)/\1/p' "$report")"
}
