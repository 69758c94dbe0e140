# Helm, and a reader of Kubernetes manifests (manifests.go), built from their Go modules.
#
# shellcheck shell=bash

# Moves only on purpose. The manifests are read by the Kubernetes types that this Helm is made with.
HELM_VERSION=v3.18.6
# What templates are told the cluster is.
KUBERNETES_VERSION=1.33.0

helm_folder() { echo "$E2E_CACHE/helm-$HELM_VERSION-$(cksum <"$E2E/manifests.go" | cut -d' ' -f1)"; }

# Builds both where the cache does not have them yet, in one module, so that what they share is compiled once. Needs go,
# and the network the first time.
helm_build() {
    [[ ! -x $(helm_folder)/manifests ]] || return 0
    mkdir -p "$E2E_CACHE"
    local folder
    folder=$(mktemp -d "$E2E_CACHE/build.XXXXXX")
    mkdir "$folder/bin" "$folder/manifests"
    cp "$E2E/manifests.go" "$folder/manifests"
    (
        cd "$folder"
        export GOFLAGS=-mod=mod
        go mod init helm
        go get "helm.sh/helm/v3/cmd/helm@$HELM_VERSION"
        go build -o bin/ helm.sh/helm/v3/cmd/helm ./manifests
    ) >"$folder/log" 2>&1 || {
        sed 's/^/helm: /' "$folder/log" >&2
        rm -rf "$folder"
        return 1
    }
    rm -rf "$(helm_folder)"
    mv "$folder/bin" "$(helm_folder)"
    rm -rf "$folder"
}

helm_() {
    [[ -x $(helm_folder)/helm ]] || fail "Helm could not be built: what go said is at the top"
    "$(helm_folder)/helm" "$@"
}

# render NAME [HELM-ARGUMENT…]: the chart's manifests, one JSON object a line, in $CASE_DIR/NAME.json. Each has been
# read by the type that Kubernetes has for it.
render() {
    local name=$1
    shift
    helm_ lint --strict --quiet "$REPO/deploy/helm" "$@"
    helm_ template release "$REPO/deploy/helm" --namespace registry --kube-version "$KUBERNETES_VERSION" "$@" >"$CASE_DIR/$name.yaml"
    "$(helm_folder)/manifests" <"$CASE_DIR/$name.yaml" >"$CASE_DIR/$name.json"
}
