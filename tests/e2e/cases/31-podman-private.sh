# A private project, with and without a login: as podman sees it.
#
# shellcheck shell=bash
source "$E2E/clients/podman.sh"
story_private_project
