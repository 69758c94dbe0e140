# A private project, with and without a login: as containerd (`ctr`) sees it.
#
# shellcheck shell=bash
source "$E2E/clients/containerd.sh"
story_private_project
