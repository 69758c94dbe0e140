# The chart, over a matrix of values: each manifest is read by the type Kubernetes has for it, what they name is there, and
# Roadstead takes the configuration in them; once it is started with one. Values that make no sense are refused.
#
# shellcheck shell=bash
source "$E2E/helm.sh"
need jq openssl

# in_release NAME FILTER: of its manifests, as one array.
in_release() { jq --slurp --raw-output "$2" "$CASE_DIR/$1.json"; }

# variables NAME: those of the pod that have a value, as NAME=VALUE lines; those from secrets have some.
variables() {
    in_release "$1" '.[] | select(.kind == "Deployment").spec.template.spec.containers[0].env[]
        | select(.name != "ROADSTEAD_CONFIG") | "\(.name)=\(.value // "from-a-secret")"'
}

# take NAME COMMAND [ARGUMENT…]: the binary as the pod would run it, but for the places of its files.
take() {
    local name=$1 command=$2 environment
    shift 2
    mkdir -p "$CASE_DIR/tls"
    mapfile -t environment < <(variables "$name")
    in_release "$name" '.[] | select(.kind == "ConfigMap").data["roadstead.yml"]' |
        sed "s|/etc/roadstead/tls/|$CASE_DIR/tls/|; s|/var/lib/roadstead|$CASE_DIR/data|" >"$CASE_DIR/$name.roadstead.yml"
    env --ignore-environment "${environment[@]}" "$E2E_BIN" "$command" --config "$CASE_DIR/$name.roadstead.yml" "$@"
}

# holds NAME OUTSIDE [HELM-ARGUMENT…]: OUTSIDE are the secrets and claims that are there already, with spaces between.
holds() {
    local name=$1 outside=$2 mistakes
    shift 2
    echo "-- $name"
    render "$name" "$@"
    mistakes=$(jq --slurp --raw-output --argjson outside "$(jq -Rc 'split(" ") | map(select(. != ""))' <<<"$outside")" \
        --from-file "$E2E/manifests.jq" "$CASE_DIR/$name.json")
    [[ -z $mistakes ]] || fail "$name: $mistakes"
    take "$name" check-config >"$CASE_DIR/$name.effective" || fail "$name: Roadstead does not take its configuration"
}

# kinds NAME: what the release consists of.
kinds() { in_release "$1" 'map(.kind) | sort | join(" ")'; }

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=registry.test' \
    -keyout "$CASE_DIR/key" -out "$CASE_DIR/crt" 2>/dev/null
mkdir "$CASE_DIR/tls"
cp "$CASE_DIR/key" "$CASE_DIR/tls/tls.key"
cp "$CASE_DIR/crt" "$CASE_DIR/tls/tls.crt"

step "the four ways to expose it, with TLS from each source and without"
holds default ""
equal "kinds" "ConfigMap Deployment Ingress PersistentVolumeClaim Secret Service ServiceAccount" "$(kinds default)"
holds ingress-none "" --set expose.tls.certSource=none
equal "secret of the ingress" null "$(in_release ingress-none '.[] | select(.kind == "Ingress").spec.tls[0].secretName')"
holds ingress-secret "my-tls" --set expose.tls.certSource=secret,expose.tls.secret.secretName=my-tls,expose.ingress.className=nginx
holds ingress-plain "" --set expose.tls.enabled=false,externalURL=http://registry.example.com
holds cluster-ip "" --set expose.type=clusterIP,expose.tls.auto.commonName=registry.test,expose.clusterIP.name=harbor
equal "service" "harbor ClusterIP 80 443" \
    "$(in_release cluster-ip '.[] | select(.kind == "Service") | [.metadata.name, .spec.type, .spec.ports[].port] | join(" ")')"
holds node-port "my-tls" --set expose.type=nodePort,expose.tls.certSource=secret,expose.tls.secret.secretName=my-tls
equal "node ports" "30002 30003" "$(in_release node-port '.[] | select(.kind == "Service").spec.ports | map(.nodePort) | join(" ")')"
holds load-balancer "" --set expose.type=loadBalancer,expose.tls.enabled=false,expose.loadBalancer.IP=10.0.0.7 \
    --set-json 'expose.loadBalancer.sourceRanges=["10.0.0.0/8"]'

step "what is kept where"
equal "policy of the claim" keep \
    "$(in_release default '.[] | select(.kind == "PersistentVolumeClaim").metadata.annotations["helm.sh/resource-policy"]')"
holds no-volume "" --set persistence.enabled=false
holds claim "mine" --set persistence.persistentVolumeClaim.registry.existingClaim=mine,persistence.persistentVolumeClaim.registry.subPath=r
[[ $(kinds no-volume) != *Claim* && $(kinds claim) != *Claim* ]] || fail "a claim nobody asked for"

step "behind a corporate proxy: by the chart's values, and by the environment"
proxy_of() { take "$1" egress --json | jq -r '.[] | select(.host == "ghcr.io").proxy'; }
holds proxy "" --set proxy.httpProxy=http://proxy.example:3128,proxy.httpsProxy=http://proxy.example:3129
equal "proxy" "http://proxy.example:3129" "$(proxy_of proxy | sed 's|/$||')"
holds not-for-core "" --set proxy.httpsProxy=http://proxy.example:3129 --set-json 'proxy.components=["trivy"]'
equal "proxy for trivy alone" null "$(proxy_of not-for-core)"
holds no-proxy "" --set-json 'extraEnvVars=[{"name":"HTTPS_PROXY","value":"http://env.example:3128"},{"name":"NO_PROXY","value":".quay.io"}]'
equal "proxy of the environment" "http://env.example:3128" "$(proxy_of no-proxy | sed 's|/$||')"
holds proxy-secret "outbound" --set 'proxy.httpsProxy=${PROXY}' \
    --set-json 'extraEnvVars=[{"name":"PROXY","value":"http://u:secret-word@proxy.example:3128"}]'
grep -q 'http_proxy\|secret-word' <(in_release proxy-secret '.[] | select(.kind == "ConfigMap").data[]') &&
    fail "the proxy's password is in the ConfigMap"

step "everything at once"
cat >"$CASE_DIR/all.values.yaml" <<'YAML'
expose: {type: clusterIP, tls: {auto: {commonName: registry.test}}}
externalURL: https://registry.test
trustedProxies: [10.0.0.0/8]
existingSecretAdminPassword: admin
existingSecretAdminPasswordKey: password
database:
  type: external
  external: {host: db.example, username: roadstead, existingSecret: database}
caBundleSecretName: bundle
caSecretName: download
logLevel: warning
registries:
  - {name: hub, type: docker-hub, credential: {access_key: me, access_secret: "${DOCKERHUB_TOKEN}"}}
projects:
  - {name: hub, public: true, registry: hub, revalidate_after: 5m}
config: {drain_timeout: 50s, janitor_period: 2h}
metrics: {enabled: true, serviceMonitor: {enabled: true, interval: 30s, additionalLabels: {release: prometheus}}}
extraEnvVars:
  - {name: DOCKERHUB_TOKEN, valueFrom: {secretKeyRef: {name: hub, key: token}}}
podDisruptionBudget: {enabled: true}
networkPolicy:
  enabled: true
  ingressFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress}}}]
  metricsFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
  egress: [{ports: [{port: 443}, {port: 53, protocol: UDP}]}]
serviceAccount: {annotations: {role: puller}}
nodeSelector: {disk: fast}
tolerations: [{key: disk, operator: Exists}]
imagePullSecrets: [{name: pull}]
YAML
holds all "admin database bundle download hub" --values "$CASE_DIR/all.values.yaml"
equal "kinds" "ConfigMap Deployment NetworkPolicy PersistentVolumeClaim PodDisruptionBudget Secret Service Service ServiceAccount ServiceMonitor" "$(kinds all)"
for line in 'drain_timeout: 50s' 'janitor_period: 2h' 'revalidate_after: 300s' 'path: /metrics' '- 10.0.0.0/8' 'sslmode=verify-full'; do
    grep -qF -- "$line" "$CASE_DIR/all.effective" || fail "its configuration has no '$line': $(<"$CASE_DIR/all.effective")"
done
equal "passwords among the manifests" 0 "$(grep -c 'from-a-secret' "$CASE_DIR/all.json" || true)"

step "a password given as a value is in a secret, and nowhere else"
holds password "" --set harborAdminPassword=secret-word
equal "in the secret" secret-word \
    "$(in_release password '.[] | select(.kind == "Secret" and .type == "Opaque").data.HARBOR_ADMIN_PASSWORD | @base64d')"
grep -q secret-word "$CASE_DIR/password.yaml" && fail "the password can be read in the manifests"

step "a changed setting starts the pod anew"
checksum() { in_release "$1" '.[] | select(.kind == "Deployment").spec.template.metadata.annotations["checksum/config"]'; }
[[ $(checksum default) != "$(checksum proxy)" ]] || fail "a proxy that is set later never gets to the process"

step "Roadstead starts with the configuration and the certificate that were made"
in_release cluster-ip '.[] | select(.type == "kubernetes.io/tls").data["tls.crt"] | @base64d' >"$CASE_DIR/tls/tls.crt"
in_release cluster-ip '.[] | select(.type == "kubernetes.io/tls").data["tls.key"] | @base64d' >"$CASE_DIR/tls/tls.key"
take cluster-ip check-config >/dev/null
start pod "$E2E_BIN" serve --config "$CASE_DIR/cluster-ip.roadstead.yml"
answers() { [[ $(http --cacert "$CASE_DIR/tls/tls.crt" --resolve registry.test:8443:127.0.0.1 "https://registry.test:8443/api/v2.0/ping") == Pong ]]; }
wait_ready pod answers
equal "health" healthy "$("$E2E_BIN" healthcheck --config "$CASE_DIR/cluster-ip.roadstead.yml")"
equal "the plain port sends on" 308 "$(status http://127.0.0.1:8080/v2/)"

step "what makes no sense is refused, with the value's name"
refused "a component of Harbor's" 'trivy' render wrong --set trivy.enabled=true
refused "a way that is none" 'expose.type|/expose/type' render wrong --set expose.type=route
refused "a secret without a name" 'expose.tls.secret.secretName' render wrong --set expose.tls.certSource=secret
refused "no certificate" 'certSource' render wrong --set expose.type=clusterIP,expose.tls.certSource=none
refused "no name for a certificate" 'commonName' render wrong --set expose.type=nodePort
refused "a monitor of nothing" 'metrics.enabled' render wrong --set metrics.serviceMonitor.enabled=true
refused "a database without a host" 'database.external.host' render wrong --set database.type=external
refused "a URL that is none" 'externalURL' render wrong --set externalURL=registry.example.com
refused "a field that Kubernetes has not" 'unknown field.*runAsWho' render wrong --set podSecurityContext.runAsWho=me
note "$(find "$CASE_DIR" -name '*.effective' | wc -l) sets of values"
