# The portal in a browser, from an empty server to images seen appearing; a local registry plays Docker Hub. The story is
# ui/e2e/portal.e2e.ts.
#
#   PORTAL_SCREENSHOTS   a folder to write pictures of every page into, for docs/portal
#
# shellcheck shell=bash
need chromium node skopeo jq
[[ -d $REPO/ui/node_modules ]] || fail "ui/node_modules is missing: what npm said is at the top"

step "upstream, with images for one and for two machines"
upstream_start
image "$CASE_DIR/hello" latest hello >/dev/null
publish "$CASE_DIR/hello" latest "$UPSTREAM/library/hello-world:latest"
image "$CASE_DIR/core" dev core amd64 3 >/dev/null
publish "$CASE_DIR/core" dev "$UPSTREAM/goharbor/harbor-core:dev"
multi_arch_image "$CASE_DIR/nginx" 1.27 nginx amd64 arm64 >/dev/null
publish "$CASE_DIR/nginx" 1.27 "$UPSTREAM/library/nginx:1.27"

step "an empty server"
echo '{}' >"$CASE_DIR/roadstead.yml"
roadstead_start roadstead
kind=$(curl --silent --head "http://$HOST/" | tr -d '\r' | sed -n 's/^content-type: //p')
equal "what is at /" "text/html; charset=utf-8" "$kind"
! grep -q 'built without its portal' <<<"$(http "http://$HOST/")" || fail "the binary was built without the portal"

step "the story, in both languages"
export PORTAL_URL=http://$HOST PORTAL_UPSTREAM=http://$UPSTREAM PORTAL_WORK=$CASE_DIR
PORTAL_UPSTREAM_PID=$(<"$CASE_DIR/pids/upstream")
export PORTAL_UPSTREAM_PID
[[ -z ${PORTAL_SCREENSHOTS:-} || $PORTAL_SCREENSHOTS == /* ]] || export PORTAL_SCREENSHOTS=$REPO/$PORTAL_SCREENSHOTS
env -C "$REPO/ui" NO_COLOR=1 node_modules/.bin/vitest run --config vitest.e2e.config.ts
