# Pushes to a hosted project, and to a proxy cache: as skopeo sees it.
#
# shellcheck shell=bash
source "$E2E/clients/skopeo.sh"
story_push
