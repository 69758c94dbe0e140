# A private project, with and without a login: as docker sees it.
#
# shellcheck shell=bash
source "$E2E/clients/docker.sh"
story_private_project
