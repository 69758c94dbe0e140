# Behind a proxy: squid's log shows every request there is, of all three kinds (registry, token, redirect to storage),
# by http and through CONNECT; and nothing where NO_PROXY covers the upstream.
#
# The upstream, its token service and its storage have names and addresses of their own: a proxy is never used for
# the machine itself.
#
# shellcheck shell=bash
need squid htpasswd python3 openssl jq busybox
source "$E2E/clients/skopeo.sh"
client_start

step "three hosts: a registry, its token service, its storage"
for host in '10.11.0.2 registry.example' '10.11.0.3 tokens.registry.example' '10.11.0.4 storage.example' '10.11.0.5 proxy.example'; do
    ip address add "${host%% *}/32" dev lo 2>/dev/null || true
    grep -qF "$host" /etc/hosts || echo "$host" >>/etc/hosts
done
PASSWORD=$(openssl rand -hex 12)
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=an authority' \
    -keyout "$CASE_DIR/ca.key" -out "$CASE_DIR/ca.crt" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj '/CN=registry.example' -keyout "$CASE_DIR/tls.key" -out "$CASE_DIR/tls.csr" 2>/dev/null
openssl x509 -req -in "$CASE_DIR/tls.csr" -CA "$CASE_DIR/ca.crt" -CAkey "$CASE_DIR/ca.key" -CAcreateserial -days 2 \
    -out "$CASE_DIR/tls.crt" -extfile <(echo 'subjectAltName=DNS:registry.example') 2>/dev/null

upstream_start
digest=$(image "$CASE_DIR/layout" 1 "squid $$" amd64 4)
publish "$CASE_DIR/layout" 1 "$UPSTREAM/library/app:1"
upstream_stop

tokens=tokens.registry.example:$(free_port)
storage=storage.example:$(free_port)
plain=registry.example:$(free_port)
tls=registry.example:$(free_port)
start tokens "$E2E/token-server.py" "$tokens" "robot:$PASSWORD" "$CASE_DIR/ca.key" "$CASE_DIR/ca.crt" 300
start storage busybox httpd -f -p "10.11.0.4:${storage##*:}" -h "$CASE_DIR/upstream"
# registry NAME ADDRESS: with tokens, and with its blobs elsewhere.
registry() {
    cat >"$CASE_DIR/$1.yml" <<YAML
version: 0.1
log: {level: warn}
http: {addr: "$2", secret: upstream}
storage: {filesystem: {rootdirectory: $CASE_DIR/upstream}}
middleware: {storage: [{name: redirect, options: {baseurl: "http://$storage/"}}]}
auth:
  token: {realm: "http://$tokens/token", service: peer, issuer: token-server, rootcertbundle: $CASE_DIR/ca.crt}
YAML
    start "$1" docker-registry serve "$CASE_DIR/$1.yml"
}
registry plain "$plain"
wait_ready plain http --output /dev/null "http://$storage/docker/registry/v2/repositories/library/app/_manifests/tags/1/current/link"

step "squid, with and without a password"
htpasswd -bc "$CASE_DIR/squid.users" corporate "p@ss:w" 2>/dev/null
mkdir -p "$CASE_DIR/squid"
chown proxy "$CASE_DIR" "$CASE_DIR/squid" "$CASE_DIR/squid.users"
chmod 711 "$WORK" "$CASE_DIR"
open_port=$(free_port)
closed_port=$(free_port)
auth=$(find /usr/lib/squid -name basic_ncsa_auth | head -n 1)
cat >"$CASE_DIR/squid.conf" <<CONF
http_port 10.11.0.5:$open_port name=open
http_port 10.11.0.5:$closed_port name=closed
auth_param basic program $auth $CASE_DIR/squid.users
acl open myportname open
acl known proxy_auth REQUIRED
acl forbidden dstdomain forbidden.example
http_access deny forbidden
http_access allow open
http_access allow known
http_access deny all
logformat short %Ss/%>Hs %rm %ru %un
access_log stdio:$CASE_DIR/squid/access.log short
cache_log $CASE_DIR/squid/cache.log
cache deny all
pid_filename $CASE_DIR/squid/pid
shutdown_lifetime 0 seconds
CONF
start squid squid -N -f "$CASE_DIR/squid.conf"
squid_answers() { (exec 3<>"/dev/tcp/10.11.0.5/$open_port") 2>/dev/null; }
wait_ready squid squid_answers
log=$CASE_DIR/squid/access.log
seen() { grep -cE "$1" "$log" 2>/dev/null || true; }

# server NAME PROXY-SECTION OPTIONS: Roadstead with one project on the registry.
server() {
    cat >"$CASE_DIR/$1.yml" <<YAML
$2
registries:
  - name: registry
    type: docker-registry
    url: "http://$plain"
    credential: {access_key: robot, access_secret: "$PASSWORD"}
    options: {token_hosts: ["$tokens"]${3:-}}
projects:
  - {name: cache, public: true, registry: registry}
YAML
    : >"$log"
    mark=$(wc -l <"$CASE_DIR/plain.out")
    roadstead_start "$1"
}
pulled() {
    client_pull "$HOST/cache/library/app:1"
    equal "digest" "$digest" "$(client_digest "$HOST/cache/library/app:1")"
    client_remove "$HOST/cache/library/app:1"
}
# What went to the registry, its token service and its storage, by their own logs.
all_three_through_squid() {
    ((1 <= $(seen "GET http://$plain/v2/library/app/manifests/"))) || fail "no manifest in squid's log: $(<"$log")"
    ((1 <= $(seen "GET http://$tokens/token"))) || fail "no token in squid's log: $(<"$log")"
    equal "blobs from the storage in squid's log" 2 "$(seen "GET http://$storage/docker/registry/v2/blobs/")"
    equal "requests the registry saw, and squid did" "$(tail -n "+$((mark + 1))" "$CASE_DIR/plain.out" | grep -c '"roadstead')" \
        "$(seen " http://$plain/")"
}

step "the proxy section of the configuration, a name whose address is private"
server section "proxy: {http_proxy: \"http://proxy.example:$open_port\"}"
pulled
all_three_through_squid
stop section

step "a password"
server password "proxy: {http_proxy: \"http://corporate:p%40ss%3Aw@proxy.example:$closed_port\"}"
pulled
all_three_through_squid
((1 <= $(seen 'corporate$'))) || fail "nobody signed in at squid: $(<"$log")"
stop password

step "without it nothing passes, and the answer says that it is the proxy"
server locked "proxy: {http_proxy: \"http://proxy.example:$closed_port\"}"
answer=$(curl --silent --max-time 60 --header "Accept: $MANIFEST_TYPES" "http://$HOST/v2/cache/library/app/manifests/1")
contains "answer" 'proxy' "$answer"
stop locked

step "the environment, and components that leave pulls out"
export http_proxy=http://proxy.example:$open_port
server environment ""
pulled
all_three_through_squid
stop environment
unset http_proxy
server elsewhere "proxy: {http_proxy: \"http://proxy.example:$open_port\", components: [trivy]}"
pulled
equal "requests in squid's log" 0 "$(seen .)"
stop elsewhere

step "NO_PROXY covers the upstream, its tokens and its storage"
server covered "proxy: {http_proxy: \"http://proxy.example:$open_port\", no_proxy: \".registry.example,registry.example:${plain##*:},10.11.0.0/16,storage.example\"}"
pulled
equal "requests in squid's log" 0 "$(seen .)"
stop covered

step "an endpoint's own proxy, or none"
server own "proxy: {http_proxy: \"http://nowhere.example:1\"}" ", proxy: \"http://proxy.example:$open_port\""
pulled
all_three_through_squid
stop own
server direct "proxy: {http_proxy: \"http://nowhere.example:1\"}" ", proxy: direct"
pulled
equal "requests in squid's log" 0 "$(seen .)"
stop direct

step "TLS goes through CONNECT"
stop plain
cat >"$CASE_DIR/tls.yml" <<YAML
version: 0.1
log: {level: warn}
http: {addr: "$tls", secret: upstream, tls: {certificate: $CASE_DIR/tls.crt, key: $CASE_DIR/tls.key}}
storage: {filesystem: {rootdirectory: $CASE_DIR/upstream}}
YAML
start tls docker-registry serve "$CASE_DIR/tls.yml"
wait_ready tls http --output /dev/null --cacert "$CASE_DIR/ca.crt" "https://$tls/v2/"
cat >"$CASE_DIR/tunnel.yml" <<YAML
proxy: {http_proxy: "http://proxy.example:$open_port", https_proxy: "http://proxy.example:$open_port"}
registries:
  - name: registry
    type: docker-registry
    url: "https://$tls"
    ca_certificate_file: $CASE_DIR/ca.crt
projects:
  - {name: cache, public: true, registry: registry}
YAML
: >"$log"
roadstead_start tunnel
pulled
# Squid writes its line about a tunnel when that ends.
stop tunnel
((1 <= $(seen "CONNECT $tls"))) || fail "no tunnel in squid's log: $(<"$log")"
equal "requests past the tunnel" 0 "$(seen "GET")"
