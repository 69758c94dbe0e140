# The skopeo client of the stories: a pulled image is a folder with its manifest and blobs.
#
# It runs nothing by itself; `client_run` unpacks the layers and executes what the image says in a chroot.
#
# shellcheck shell=bash

client_start() { need skopeo; }

# skopeo_folder REF: where that image is, or would be.
skopeo_folder() { echo "$CASE_DIR/pulled/$(tr '/:@' '---' <<<"$1")"; }

client_pull() {
    local folder
    folder=$(skopeo_folder "$1")
    mkdir -p "$folder"
    skopeo ${2:+--override-arch "$2"} copy --quiet --src-tls-verify=false "docker://$1" "dir:$folder"
}

client_digest() { echo "sha256:$(sha256sum "$(skopeo_folder "$1")/manifest.json" | cut -d' ' -f1)"; }

client_holds() {
    equal "manifest for $2" "$3" "$(client_digest "$1")"
}

client_remove() { rm -r "$(skopeo_folder "$1")"; }

client_run() {
    local folder root=$CASE_DIR/unpacked layer command
    folder=$(skopeo_folder "$1")
    rm -rf "$root"
    mkdir "$root"
    for layer in $(jq -r '.layers[].digest' "$folder/manifest.json"); do
        tar --extract --gzip --directory "$root" --file "$folder/${layer#*:}"
    done
    mapfile -t command < <(jq -r '.config.Cmd[]' "$folder/$(jq -r '.config.digest' "$folder/manifest.json" | cut -d: -f2)")
    chroot "$root" "${command[@]}"
}

client_login() { skopeo login --tls-verify=false --username "$1" --password-stdin "$HOST" <<<"$2" 2>&1; }
client_logout() { skopeo logout "$HOST"; }

client_build_and_push() {
    image "$CASE_DIR/built" it "$1" >/dev/null
    publish "$CASE_DIR/built" it "$2"
}
