# A pull through a proxy cache, cold, hot, moved, by platform and with the upstream stopped: as containerd (`ctr`) sees it.
#
# shellcheck shell=bash
source "$E2E/clients/containerd.sh"
story_pull_through
