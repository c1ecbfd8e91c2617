#!/usr/bin/env bash
# The accept path under load, beside `webhook` (the Debian package of adnanh/webhook) verifying the
# same request, where that is installed, and beside a handler of axum that reads and parses the body,
# answers, and does nothing else. Needs wrk, openssl and a release build:
#
#   cargo build --release --bins --example bare && benches/gateway/run.sh [CONNECTIONS...]
set -euo pipefail
cd "$(dirname "$0")/../.."
export BODY=$PWD/benches/gateway/push.json
SECRET="It's a Secret to Everybody"
DIGEST=$(openssl dgst -sha256 -hmac "$SECRET" -r <"$BODY" | cut -d' ' -f1)
export DIGEST
SECONDS_EACH=${SECONDS_EACH:-10}
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$folder"' EXIT

mkdir "$folder/listeners"
printf '%s' "$SECRET" >"$folder/secret"
cat >"$folder/hookgate.toml" <<TOML
public_url = "http://127.0.0.1:8090"
[server]
listen = "127.0.0.1:8090"
management = "127.0.0.1:8091"
[log]
level = "error"
TOML
cat >"$folder/listeners/github.toml" <<'TOML'
id = "11111111-1111-4111-8111-111111111111"
name = "load"
tenant = "acme"
provider = "github"
[secrets]
GITHUB = { file = "secret" }
[rate_limit]
requests = 1000000
burst = 1000000
[[verify]]
name = "event"
rule = 'headers["x-github-event"] == "push"'
[[verify]]
name = "branch"
rule = '$MATCH(parsed_body.ref, "^refs/")'
[[verify]]
name = "repository"
rule = 'parsed_body.repository.name == "Hello-World"'
[deduplicate]
keys = ['headers["x-github-delivery"]']
signature = false
TOML
# The last rule fails, so that no command is run: that would be most of the time.
cat >"$folder/hooks.json" <<JSON
[{"id": "github", "execute-command": "/bin/true", "trigger-rule-mismatch-http-response-code": 200,
  "trigger-rule": {"and": [
    {"match": {"type": "payload-hmac-sha256", "secret": "$SECRET", "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}},
    {"match": {"type": "value", "value": "push", "parameter": {"source": "header", "name": "X-GitHub-Event"}}},
    {"match": {"type": "regex", "regex": "^refs/", "parameter": {"source": "payload", "name": "ref"}}},
    {"match": {"type": "value", "value": "another", "parameter": {"source": "payload", "name": "repository.name"}}}]}}]
JSON

target/release/hookgate serve -C "$folder" >/dev/null 2>"$folder/log" &
command -v webhook >/dev/null && webhook -hooks "$folder/hooks.json" -ip 127.0.0.1 -port 9090 >/dev/null 2>&1 &
target/release/examples/bare 127.0.0.1:9091 >/dev/null 2>&1 &
sleep 2
for connections in "${@:-16}"; do
  for peer in "hookgate http://127.0.0.1:8090/webhooks/v1/listeners/11111111-1111-4111-8111-111111111111/notify" \
    "webhook http://127.0.0.1:9090/hooks/github" "bare http://127.0.0.1:9091/"; do
    read -r name url <<<"$peer"
    [ "$name" != webhook ] || command -v webhook >/dev/null || continue
    printf '%-9s %4s connections: ' "$name" "$connections"
    wrk -t2 -c"$connections" -d"${SECONDS_EACH}s" --latency -s benches/gateway/load.lua "$url" |
      awk '/ 50%/ {p50=$2} / 99%/ {p99=$2} /Requests\/sec/ {rate=$2} /Non-2xx/ {bad=$0}
           END {print rate " requests/s, p50 " p50 ", p99 " p99 (bad ? "," bad : "")}'
  done
done
