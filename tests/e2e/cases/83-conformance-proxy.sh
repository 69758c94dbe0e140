# A proxy cache passes the suite's read-only mode over everything the suite itself leaves in a hosted project.
#
# The upstream is a second server of ours: docker-registry has no referrers and no sha512.
#
# shellcheck shell=bash
source "$E2E/conformance.sh"
need jq

cat >"$CASE_DIR/upstream.yml" <<YAML
projects:
  - {name: hosted, public: true}
YAML
roadstead_start upstream
upstream=$HOST

step "the suite fills the upstream, and deletes nothing"
conformance_run filling dev "$upstream" OCI_REPO1=hosted/full OCI_REPO2=hosted/other \
    OCI_USERNAME=admin OCI_PASSWORD="$ROADSTEAD_ADMIN_PASSWORD" \
    OCI_API_TAGS_DELETE=false OCI_API_MANIFESTS_DELETE=false OCI_API_BLOBS_DELETE=false

step "what is there: every tag, what the tags name, and what that names in turn"
manifest() {
    http --header "Accept: $MANIFEST_TYPES" "http://$upstream/v2/hosted/full/manifests/$1"
}
# header_of NAME URL
header_of() {
    http --head --header "Accept: $MANIFEST_TYPES" "$2" | tr -d '\r' | sed -n "s/^$1: //Ip"
}
declare -A manifests=() blobs=() subjects=()
# Follows an index to its children; what the upstream does not have (a sparse index, a missing subject) is left out.
collect() {
    local digest=$1 body child
    [[ -z ${manifests[$digest]:-} ]] || return 0
    body=$(manifest "$digest") || return 0
    manifests[$digest]=1
    for child in $(jq -r '.manifests[]?.digest' <<<"$body"); do collect "$child"; done
    # A layer that may not be distributed is somewhere else.
    for child in $(jq -r '(.config // empty), (.layers[]? | select(.mediaType | contains("nondistributable") | not))
        | .digest' <<<"$body"); do
        blobs[$child]=1
    done
    for child in $(jq -r '.subject.digest // empty' <<<"$body"); do subjects[$child]=1; done
}
mapfile -t tags < <(http "http://$upstream/v2/hosted/full/tags/list" | jq -r '.tags[]')
for tag in "${tags[@]}"; do
    collect "$(header_of docker-content-digest "http://$upstream/v2/hosted/full/manifests/$tag")"
done
# Referrers have no tags: they are found through their subjects.
for subject in "${!subjects[@]}" "${!manifests[@]}"; do
    referrers=$(http "http://$upstream/v2/hosted/full/referrers/$subject")
    for digest in $(jq -r '.manifests[].digest' <<<"$referrers"); do
        subjects[$subject]=1
        collect "$digest"
    done
done
note "${#tags[@]} tags, ${#manifests[@]} manifests, ${#blobs[@]} blobs, ${#subjects[@]} subjects"
((${#tags[@]} >= 15 && ${#manifests[@]} >= 20 && ${#blobs[@]} >= 30 && ${#subjects[@]} >= 3)) ||
    fail "the upstream has too little for this to mean anything"

cat >"$CASE_DIR/proxy.yml" <<YAML
registries:
  - {name: upstream, type: docker-registry, url: "http://$upstream"}
projects:
  - {name: cache, public: true, registry: upstream}
YAML
roadstead_start proxy

# The first run is cold, the second is answered from the cache. Two faults of this version of the suite in read-only
# mode: it prints its report and then crashes when it writes the same to files; and it looks for the digest header of
# manifests in an answer it has not kept. So only the report counts, and the header is looked at below.
for run in cold hot; do
    for version in 1.1 dev; do
        step "$run, $version"
        conformance_run "$run-$version" "$version" "$HOST" OCI_REPO1=cache/hosted/full OCI_REPO2=cache/hosted/other \
            OCI_USERNAME=admin OCI_PASSWORD="$ROADSTEAD_ADMIN_PASSWORD" OCI_API_PUSH=false \
            OCI_API_MANIFESTS_DIGEST_HEADER=false \
            OCI_API_TAGS_DELETE=false OCI_API_MANIFESTS_DELETE=false OCI_API_BLOBS_DELETE=false \
            OCI_RO_DATA_TAGS="${tags[*]}" OCI_RO_DATA_MANIFESTS="${!manifests[*]}" \
            OCI_RO_DATA_BLOBS="${!blobs[*]}" OCI_RO_DATA_REFERRERS="${!subjects[*]}"
        note "$run, $version: $COUNTS"
        equal "failed tests" 0 "$FAILED"
        equal "skipped tests" 0 "$SKIPPED"
        ((PASSED >= 2 * (${#tags[@]} + ${#manifests[@]} + ${#blobs[@]}))) ||
            fail "only $PASSED passed: each tag, manifest and blob is asked for twice"
    done
done

step "every manifest is, byte for byte, what its digest says, and is called what it is called upstream"
for reference in "${tags[@]}" "${!manifests[@]}"; do
    cached=http://$HOST/v2/cache/hosted/full/manifests/$reference
    original=http://$upstream/v2/hosted/full/manifests/$reference
    for header in docker-content-digest content-type content-length; do
        equal "$header of $reference" "$(header_of "$header" "$original")" "$(header_of "$header" "$cached")"
    done
    digest=$(header_of docker-content-digest "$cached")
    equal "bytes of $reference" "${digest#*:}" \
        "$(http --header "Accept: $MANIFEST_TYPES" "$cached" | "${digest%%:*}sum" | cut -d' ' -f1)"
done
