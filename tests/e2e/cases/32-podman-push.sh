# Pushes to a hosted project, and to a proxy cache: as podman sees it.
#
# shellcheck shell=bash
source "$E2E/clients/podman.sh"
story_push
