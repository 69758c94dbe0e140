# An https listener with a certificate of our own making: every client pulls where it knows the authority, and none
# where it does not.
#
# The server is on ::1 under a name, because docker checks no certificate behind 127.0.0.0/8.
#
# shellcheck shell=bash
need openssl
source "$E2E/clients/docker.sh"
client_start
source "$E2E/clients/containerd.sh"
client_start
source "$E2E/clients/podman.sh"
client_start

step "an authority, and a certificate for registry.test"
certificates=$CASE_DIR/certificates
mkdir "$certificates"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=an authority' \
    -keyout "$certificates/ca.key" -out "$certificates/ca.crt" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=registry.test' \
    -keyout "$certificates/server.key" -out "$certificates/server.csr" 2>/dev/null
openssl x509 -req -in "$certificates/server.csr" -CA "$certificates/ca.crt" -CAkey "$certificates/ca.key" \
    -CAcreateserial -days 2 -out "$certificates/server.crt" \
    -extfile <(echo 'subjectAltName=DNS:registry.test,IP:::1') 2>/dev/null

upstream_start
digest=$(image "$CASE_DIR/layout" 1 "tls $$")
publish "$CASE_DIR/layout" 1 "$UPSTREAM/library/app:1"

port=$(free_port)
HOST=registry.test:$port
cat >"$CASE_DIR/roadstead.yml" <<YAML
external_url: https://$HOST
https:
  certificate: $certificates/server.crt
  private_key: $certificates/server.key
registries:
  - {name: upstream, type: docker-registry, url: "http://$UPSTREAM"}
projects:
  - {name: cache, public: true, registry: upstream}
  - {name: secret, public: false, registry: upstream}
YAML
start roadstead "$E2E_BIN" serve --config "$CASE_DIR/roadstead.yml" --listen "[::1]:$port" --data "$CASE_DIR/data"
answers() { [[ $(http --cacert "$certificates/ca.crt" "https://$HOST/api/v2.0/ping") == Pong ]]; }
wait_ready roadstead answers

step "HTTP/2 and HTTP/1.1 are both spoken"
for version in 1.1 2; do
    equal "version" "$version" "$(curl --silent --output /dev/null --cacert "$certificates/ca.crt" "--http$version" \
        --write-out '%{http_version}' "https://$HOST/api/v2.0/ping")"
done

UNKNOWN='certificate signed by unknown authority|x509'
ref=$HOST/cache/library/app:1
ctr_pull() { ctr_ images pull --snapshotter native "$@" "$ref" >/dev/null; }
skopeo_pull() { skopeo copy --quiet "$@" "docker://$ref" "dir:$CASE_DIR/skopeo"; }

step "who does not know the authority is not talked into it"
refused "curl" 'certificate' http "https://$HOST/v2/"
refused "docker" "$UNKNOWN" docker pull --quiet "$ref"
refused "containerd" "$UNKNOWN" ctr_pull
refused "podman" "$UNKNOWN" podman_ pull --quiet "$ref"
mkdir "$CASE_DIR/skopeo"
refused "skopeo" "$UNKNOWN" skopeo_pull

step "who knows it pulls"
mkdir -p "/etc/docker/certs.d/$HOST" "$CASE_DIR/cert-dir"
cp "$certificates/ca.crt" "/etc/docker/certs.d/$HOST/ca.crt"
cp "$certificates/ca.crt" "$CASE_DIR/cert-dir/ca.crt"
docker pull --quiet "$ref"
equal "docker's" "tls $$" "$(docker run --rm --network none "$ref")"
ctr_pull --tlscacert "$certificates/ca.crt"
equal "containerd's" "$digest" "$(ctr_ images ls "name==$ref" | awk 'NR == 2 { print $3 }')"
podman_ pull --quiet --cert-dir "$CASE_DIR/cert-dir" "$ref"
equal "podman's" "$digest" "$(podman_ image inspect --format '{{.Digest}}' "$ref")"
skopeo_pull --src-cert-dir "$CASE_DIR/cert-dir"
equal "skopeo's" "$digest" "sha256:$(sha256sum "$CASE_DIR/skopeo/manifest.json" | cut -d' ' -f1)"

step "docker logs in, and pulls what is private"
refused "without a login" "$REFUSAL" docker pull --quiet "$HOST/secret/library/app:1"
docker login --username admin --password-stdin "$HOST" <<<"$ROADSTEAD_ADMIN_PASSWORD"
docker pull --quiet "$HOST/secret/library/app:1"
docker logout "$HOST"
