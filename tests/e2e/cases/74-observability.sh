# deploy/observability against a real Prometheus that scrapes the server under test: every metric that the dashboard and the
# alerts name is there, every question of theirs is one that Prometheus understands, and the alerts fire when they should.
#
# shellcheck shell=bash
need prometheus promtool jq
observability=$REPO/deploy/observability

step "the alert rules, and what they say of made-up figures"
cp "$observability/alerts.yml" "$E2E/alerts.test.yml" "$CASE_DIR"
promtool check rules "$CASE_DIR/alerts.yml"
promtool test rules "$CASE_DIR/alerts.test.yml"

step "a registry with something to measure"
upstream_start
image "$CASE_DIR/layout" 1 "figures $$" >/dev/null
publish "$CASE_DIR/layout" 1 "$UPSTREAM/library/app:1"
metrics=$(free_port)
cat >"$CASE_DIR/roadstead.yml" <<YAML
metric: {enabled: true, port: $metrics}
registries:
  - {name: upstream, type: docker-registry, url: "http://$UPSTREAM"}
projects:
  - {name: cache, public: true, registry: upstream}
YAML
roadstead_start roadstead
pull() { skopeo copy --quiet --src-tls-verify=false "docker://$HOST/cache/library/app:1" "dir:$CASE_DIR/pulled.$1"; }
for time in first second; do
    mkdir "$CASE_DIR/pulled.$time"
    pull "$time"
done

step "every metric that is named exists"
# A series may not be there yet; its description is.
http "http://127.0.0.1:$metrics/metrics" | sed -n 's/^# TYPE \([a-z_]*\) \(.*\)/\1 \2/p' | while read -r name type; do
    case $type in
    counter) echo "${name}_total" ;;
    histogram) printf '%s\n' "${name}_bucket" "${name}_sum" "${name}_count" ;;
    *) echo "$name" ;;
    esac
done | sort -u >"$CASE_DIR/there"
jq -r '.panels[].targets[].expr' "$observability/dashboard.json" >"$CASE_DIR/questions"
{
    cat "$CASE_DIR/questions"
    jq -r '.templating.list[].definition // empty' "$observability/dashboard.json"
    sed 's/#.*//' "$observability/alerts.yml"
} | grep -oE '\b(roadstead|harbor)_[a-z_]+' | sort -u >"$CASE_DIR/named"
missing=$(comm -23 "$CASE_DIR/named" "$CASE_DIR/there")
[[ -z $missing ]] || fail "no such metric: $missing"
(($(wc -l <"$CASE_DIR/named") >= 15)) || fail "only these are named: $(<"$CASE_DIR/named")"

step "Prometheus scrapes it, and takes every question of the dashboard"
prometheus=127.0.0.1:$(free_port)
cat >"$CASE_DIR/prometheus.yml" <<YAML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$CASE_DIR/alerts.yml]
scrape_configs:
  - job_name: roadstead
    static_configs: [{targets: ["127.0.0.1:$metrics"]}]
YAML
start prometheus prometheus --config.file="$CASE_DIR/prometheus.yml" --storage.tsdb.path="$CASE_DIR/tsdb" \
    --web.listen-address="$prometheus" --log.level=warn
wait_ready prometheus http --output /dev/null "http://$prometheus/-/ready"
# ask QUESTION: the series that Prometheus answers with.
ask() { http --get --data-urlencode "query=$1" "http://$prometheus/api/v1/query" | jq -e 'select(.status == "success").data.result'; }
scraped_often() { (($(ask 'count_over_time(roadstead_fills_in_flight[1m])' | jq '.[0].value[1] // "0" | tonumber') >= 4)); }
wait_until 30 "it has been scraped" scraped_often
answered=0
while IFS= read -r question; do
    question=${question//\$__rate_interval/1m}
    # shellcheck disable=SC2016 # the dashboard's variables
    question=$(sed 's/\$\(job\|project\|upstream\)/.*/g' <<<"$question")
    answer=$(ask "$question") || fail "Prometheus does not understand: $question"
    [[ $answer == '[]' ]] || answered=$((answered + 1))
done <"$CASE_DIR/questions"
asked=$(wc -l <"$CASE_DIR/questions")
note "$answered of $asked questions have an answer after two pulls"
# Rate limits are told by registries that have some, and this one has none.
((answered >= asked - 3)) || fail "only $answered of $asked questions have an answer"
equal "rules that could not be evaluated" 0 \
    "$(http "http://$prometheus/api/v1/rules" | jq '[.data.groups[].rules[] | select(.health != "ok")] | length')"

step "nothing fires while all is well; when it is gone, somebody is told"
equal "alerts" 0 "$(ask ALERTS | jq length)"
stop roadstead
is_pending() { [[ $(ask 'ALERTS{alertname="RoadsteadDown"}' | jq length) == 1 ]]; }
wait_until 30 "the alert is pending" is_pending
