# Images built on the spot: a static busybox, a marker to tell images apart, and bytes that do not compress.
# They are OCI layouts, written by hand, and skopeo brings them into a registry.
#
# shellcheck shell=bash

# blob LAYOUT FILE: moves the file into the layout; prints its digest.
blob() {
    local hex
    hex=$(sha256sum "$2" | cut -d' ' -f1)
    mkdir -p "$1/blobs/sha256"
    mv "$2" "$1/blobs/sha256/$hex"
    echo "sha256:$hex"
}

# descriptor LAYOUT DIGEST MEDIA-TYPE
descriptor() {
    jq -cn --arg type "$3" --arg digest "$2" --argjson size "$(stat -c %s "$1/blobs/${2/://}")" \
        '{mediaType: $type, digest: $digest, size: $size}'
}

# tag_in_layout LAYOUT TAG DESCRIPTOR
tag_in_layout() {
    local index='{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
    [[ ! -f $1/index.json ]] || index=$(<"$1/index.json")
    echo '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
    jq -c --arg tag "$2" --argjson image "$3" '
        .manifests |= map(select(.annotations["org.opencontainers.image.ref.name"] != $tag))
        | .manifests += [$image + {annotations: {"org.opencontainers.image.ref.name": $tag}}]' \
        >"$1/index.json" <<<"$index"
}

# image LAYOUT TAG MARKER [ARCHITECTURE] [MEBIBYTES]: prints the manifest's digest.
# Run, it prints its marker. Any architecture but amd64 is in name only: nothing here could run it.
image() {
    need busybox jq tar gzip
    local layout=$1 tag=$2 marker=$3 architecture=${4:-amd64} mebibytes=${5:-1}
    local root=$layout.root layer config manifest diff_id applet
    mkdir -p "$root/bin" "$root/etc" "$root/tmp" "$layout"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in sh cat echo true; do ln -sf busybox "$root/bin/$applet"; done
    echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
    echo "$marker" >"$root/marker"
    head -c "${mebibytes}M" /dev/urandom >"$root/payload"
    tar --create --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --directory "$root" --file "$layout.tar" .
    diff_id=sha256:$(sha256sum "$layout.tar" | cut -d' ' -f1)
    gzip --fast --no-name --force "$layout.tar"
    layer=$(blob "$layout" "$layout.tar.gz")
    rm -r "$root"

    jq -cn --arg architecture "$architecture" --arg diff_id "$diff_id" '{
        created: "2024-01-01T00:00:00Z", architecture: $architecture, os: "linux",
        config: {Cmd: ["/bin/cat", "/marker"], Env: ["PATH=/bin"], WorkingDir: "/"},
        rootfs: {type: "layers", diff_ids: [$diff_id]},
        history: [{created: "2024-01-01T00:00:00Z", created_by: "hand"}]}' >"$layout.json"
    config=$(blob "$layout" "$layout.json")
    jq -cn --argjson config "$(descriptor "$layout" "$config" application/vnd.oci.image.config.v1+json)" \
        --argjson layer "$(descriptor "$layout" "$layer" application/vnd.oci.image.layer.v1.tar+gzip)" \
        '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: $config, layers: [$layer]}' \
        >"$layout.json"
    manifest=$(blob "$layout" "$layout.json")
    tag_in_layout "$layout" "$tag" "$(descriptor "$layout" "$manifest" application/vnd.oci.image.manifest.v1+json)"
    echo "$manifest"
}

# multi_arch_image LAYOUT TAG MARKER ARCHITECTURE…: prints the index's digest. Each child says MARKER-ARCHITECTURE.
multi_arch_image() {
    local layout=$1 tag=$2 marker=$3 architecture child children=() index
    shift 3
    for architecture in "$@"; do
        child=$(image "$layout" "$tag-$architecture" "$marker-$architecture" "$architecture")
        children+=("$(descriptor "$layout" "$child" application/vnd.oci.image.manifest.v1+json |
            jq -c --arg architecture "$architecture" '. + {platform: {os: "linux", architecture: $architecture}}')")
    done
    printf '%s\n' "${children[@]}" | jq -cs \
        '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: .}' >"$layout.json"
    index=$(blob "$layout" "$layout.json")
    tag_in_layout "$layout" "$tag" "$(descriptor "$layout" "$index" application/vnd.oci.image.index.v1+json)"
    echo "$index"
}

# child LAYOUT INDEX-DIGEST ARCHITECTURE: the digest of that platform's manifest.
child() {
    jq -r --arg architecture "$3" '.manifests[] | select(.platform.architecture == $architecture).digest' \
        "$1/blobs/${2/://}"
}

# publish LAYOUT TAG HOST/NAME[:TAG] [SKOPEO-ARGUMENT…]: brings it, whole, into a registry that takes it from anyone.
publish() {
    need skopeo
    local layout=$1 tag=$2 target=$3
    shift 3
    skopeo copy --quiet --all --dest-tls-verify=false "$@" "oci:$layout:$tag" "docker://$target"
}

# What a client says it takes when it asks for a manifest.
MANIFEST_TYPES='application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json'
MANIFEST_TYPES+=', application/vnd.docker.distribution.manifest.list.v2+json'
MANIFEST_TYPES+=', application/vnd.docker.distribution.manifest.v2+json'
