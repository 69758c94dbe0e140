# The container image, assembled once in a run from the binary under test.
#
# shellcheck shell=bash

CONTAINER_IMAGE=localhost/roadstead:e2e
CONTAINER_ARCHIVE=$WORK/shared/roadstead-image.tar

# container_assemble: makes CONTAINER_ARCHIVE, for `docker load` and `podman load`.
container_assemble() {
    need buildah strip
    [[ ! -s $CONTAINER_ARCHIVE ]] || return 0
    mkdir -p "$WORK/shared"
    cp "$E2E_BIN" "$CASE_DIR/roadstead"
    # A debug build's symbols are more than the rest, and each store here has its own copy.
    strip "$CASE_DIR/roadstead"
    BUILDAH="buildah --root $CASE_DIR/buildah --runroot $CASE_DIR/buildah-run --storage-driver vfs" \
        "$REPO/deploy/image/assemble" "$CASE_DIR/roadstead" "$CONTAINER_ARCHIVE" "$CONTAINER_IMAGE"
    rm -rf "$CASE_DIR/buildah" "$CASE_DIR/roadstead"
}
