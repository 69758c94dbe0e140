# A pull through a proxy cache, cold, hot, moved, by platform and with the upstream stopped: as podman sees it.
#
# shellcheck shell=bash
source "$E2E/clients/podman.sh"
story_pull_through
