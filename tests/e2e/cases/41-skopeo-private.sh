# A private project, with and without a login: as skopeo sees it.
#
# shellcheck shell=bash
source "$E2E/clients/skopeo.sh"
story_private_project
