# Pushes to a hosted project, and to a proxy cache: as docker sees it.
#
# shellcheck shell=bash
source "$E2E/clients/docker.sh"
story_push
