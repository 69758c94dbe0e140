# Pushes to a hosted project, and to a proxy cache: as containerd (`ctr`) sees it.
#
# shellcheck shell=bash
source "$E2E/clients/containerd.sh"
story_push
