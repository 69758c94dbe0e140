# The example configuration, as it is, on an empty folder: it answers, its projects are there, and SIGTERM ends it well.
#
# shellcheck shell=bash
need jq
example=$REPO/deploy/roadstead.example.yml
[[ -f $example ]] || fail "there is no $example"
cp "$example" "$CASE_DIR/roadstead.yml"

step "it starts, though none of its upstreams can be reached"
roadstead_start roadstead
projects=$(api "/projects?page_size=100" | jq -r '.[].name' | sort | paste -sd ' ')
note "projects: $projects"
grep -qw dockerhub <<<"$projects" || fail "there is no project dockerhub, but: $projects"
proxies=$(api "/projects?page_size=100" | jq '[.[] | select(.registry_id != null and .registry_id > 0)] | length')
((proxies >= 6)) || fail "a proxy cache each for six registries is expected, not $proxies"

step "the administrator's password is needed to see more"
equal "status without it" 401 "$(status "http://$HOST/api/v2.0/users/current")"
equal "status with a wrong one" 401 "$(status --user admin:wrong "http://$HOST/api/v2.0/users/current")"
equal "user" admin "$(api /users/current | jq -r .username)"

step "SIGTERM ends it with exit code 0"
pid=$(<"$CASE_DIR/pids/roadstead")
kill -TERM "$pid"
wait_until 15 "it has ended" is_stopped "$pid"
rm "$CASE_DIR/pids/roadstead"
code=0
wait "$pid" || code=$?
equal "exit code" 0 "$code"

step "the second start is quick, and finds the same"
roadstead_start roadstead
equal "projects" "$projects" "$(api "/projects?page_size=100" | jq -r '.[].name' | sort | paste -sd ' ')"

step "without a password given, one is made up, printed once, and kept in a file of the owner's"
HOST=127.0.0.1:$(free_port)
nameless() {
    start "$1" env --unset=ROADSTEAD_ADMIN_PASSWORD "$E2E_BIN" serve --config "$CASE_DIR/roadstead.yml" \
        --listen "$HOST" --data "$CASE_DIR/nameless"
    wait_ready "$1" roadstead_answers
}
nameless first
password=
while IFS= read -r file; do
    candidate=$(head -c 200 "$file" | tr -d '\0')
    [[ -n $candidate ]] || continue
    if [[ $(status --user "admin:$candidate" "http://$HOST/api/v2.0/users/current") == 200 ]]; then
        password=$candidate
        equal "mode of $file" 600 "$(stat -c %a "$file")"
    fi
done < <(find "$CASE_DIR/nameless" -type f -size -2)
[[ -n $password ]] || fail "no file in the data folder holds the administrator's password"
((${#password} >= 16)) || fail "the password has ${#password} characters only"
equal "times printed" 1 "$(cat "$CASE_DIR/first.out" "$CASE_DIR/first.err" | grep -cF -- "$password")"
stop first
nameless second
equal "status at the second start" 200 "$(status --user "admin:$password" "http://$HOST/api/v2.0/users/current")"
equal "times printed at the second start" 0 "$(cat "$CASE_DIR/second.out" "$CASE_DIR/second.err" | grep -cF -- "$password" || true)"
