# harborapi: the python client of Harbor's API, which reads every answer into a model and refuses what does not fit.
#
# What it does with the server is in harborapi_life.py.
#
# shellcheck shell=bash

# Moves only on purpose: another version has other models.
HARBORAPI_VERSION=0.26.2

harborapi_home() { echo "$E2E_CACHE/harborapi-$HARBORAPI_VERSION"; }

# Installs it where the cache does not have it yet. Needs python3 with venv, and the network the first time.
harborapi_build() {
    [[ ! -f $(harborapi_home)/installed ]] || return 0
    mkdir -p "$E2E_CACHE"
    rm -rf "$(harborapi_home)"
    python3 -m venv "$(harborapi_home)" &&
        "$(harborapi_home)/bin/pip" install --quiet "harborapi==$HARBORAPI_VERSION" >&2 &&
        touch "$(harborapi_home)/installed"
}

# harborapi_run SCRIPT [ARGUMENT…]: with every warning an error.
harborapi_run() {
    [[ -f $(harborapi_home)/installed ]] || fail "harborapi could not be installed: what pip said is at the top"
    local script=$1
    shift
    PYTHONDONTWRITEBYTECODE=1 "$(harborapi_home)/bin/python" -W error::UserWarning "$E2E/$script" "$@"
}
