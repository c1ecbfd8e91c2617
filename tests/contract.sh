#!/usr/bin/env bash
# Contract test of the management API: Schemathesis makes valid and invalid calls from `/openapi.json`
# and checks every response. `tests/contract.sh [SECONDS]`; needs the built program, and Schemathesis
# in `target/clients/python` (`.ci/run` installs it).
set -euo pipefail
cd "$(dirname "$0")/.."
schemathesis=$PWD/target/clients/python/bin/schemathesis
seconds=${1:-30}
export SCHEMATHESIS_HOOKS=$PWD/tests/clients/contract_hooks.py

. tests/gateway.sh

# Paths use the tenant of the key; another tenant has tests of its own.
cat > "$folder/schemathesis.toml" <<'TOML'
[parameters]
tenantLocator = "acme"
id = "5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10"
TOML

# Test data: a webhook of each kind.
call() { curl -sf -o /dev/null "$@" -H "Authorization: Bearer $key" -H "Content-Type: application/json"; }
call "http://$management/event/acme/webhooks" \
  -d '{"name":"a","endpoint":{"url":"https://receiver.invalid/"},"eventTypes":["other"]}'
call "http://$management/api/v1/webhooks" -d '{"name":"b","uri":"https://receiver.invalid/",
  "events":"task_added","isActive":true,"authenticationType":"none"}'

# The event stream never ends, and has tests of its own. A valid call may still be refused, because
# of missing objects, so a refusal only has to be a documented one.
# hold SEED SECONDS ARGUMENT...
hold() {
  "$schemathesis" --config-file "$folder/schemathesis.toml" run "http://$management/openapi.json" \
    --header "Authorization: Bearer $key" --max-time "$2" --seed "$1" "${@:3}" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,negative_data_rejection,ignored_auth,use_after_free,ensure_resource_availability \
    --suppress-health-check all --continue-on-failure 2>&1 | tee -a "$folder/report"
}
status=0
for seed in 7 8 9; do
  : > "$folder/report"
  status=0
  hold "$seed" "$seconds" --exclude-tag senders --exclude-operation-id streamEvents \
    --phases examples,coverage,fuzzing,stateful || status=$?
  # Operations of senders have an address of their own.
  hold "$seed" 10 --include-tag senders --url "http://$senders" \
    --phases coverage,fuzzing || status=$?
  # After an internal error Schemathesis asks for a report, and its findings do not count.
  grep -q "consider reporting the traceback" "$folder/report" || break
done
if grep -q "panicked" "$folder/log"; then
  grep "panicked" "$folder/log"
  status=1
fi
exit "$status"
