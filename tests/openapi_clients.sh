#!/usr/bin/env bash
# `/openapi.json` and the tools that others use with it: Redocly's linter, and generators of clients
# in TypeScript and in Python. What they generate has to compile, and the Python client makes calls
# to a gateway. Needs the built program, and the tools in `target/clients` (`.ci/run` installs them).
set -euo pipefail
cd "$(dirname "$0")/.."
hookgate=${HOOKGATE:-$PWD/target/debug/hookgate}
tests=$PWD/tests/clients
node=$PWD/target/clients/openapi/node_modules
python=$PWD/target/clients/python/bin
export PATH="$node/.bin:$python:$PATH" REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true

folder=$(mktemp -d)
gateway=
trap '[ -z "$gateway" ] || kill "$gateway"; rm -rf "$folder"' EXIT
cat > "$folder/hookgate.toml" <<'TOML'
public_url = "https://hooks.hookgate.test"

[server]
listen = "127.0.0.1:0"
management = "127.0.0.1:0"
TOML
mkdir "$folder/listeners"
cat > "$folder/listeners/open.toml" <<'TOML'
id = "5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10"
name = "Open"
tenant = "acme"

[event]
type = 'parsed_body.type'
types = ["thing.made"]
TOML
"$hookgate" tenants create acme -C "$folder" 2>/dev/null
key=$("$hookgate" keys create --tenant acme --scope admin -C "$folder" 2>/dev/null)
"$hookgate" serve -C "$folder" > "$folder/log" 2>&1 &
gateway=$!
for _ in $(seq 100); do
  grep -q "^listening" "$folder/log" && break
  sleep 0.1
done
management=$(sed -n 's/^listening.* for management at \([0-9.:]*\).*/\1/p' "$folder/log")
senders=$(sed -n 's/^listening for senders at \([0-9.:]*\).*/\1/p' "$folder/log")
curl -sf "http://$management/openapi.json" > "$folder/openapi.json"
curl -sf -o /dev/null "http://$senders/webhooks/v1/listeners/5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10/notify" \
  -H "Content-Type: application/json" -d '{"type":"thing.made","id":1}'

step() { printf -- '-- %s\n' "$1"; }
cd "$folder"

step "redocly lint"
redocly lint --format=summary openapi.json

step "openapi-typescript, orval"
openapi-typescript openapi.json --output types.ts > generated.log 2>&1 || { cat generated.log; exit 1; }
# With `fetch`, the client needs no library.
orval --input openapi.json --output client.ts --client fetch > generated.log 2>&1 ||
  { cat generated.log; exit 1; }
# Orval reports an error of a schema and still ends with 0.
[ -s client.ts ] || { cat generated.log; exit 1; }
cp "$tests/openapi_types.ts" .
tsc --noEmit --strict --target es2022 --lib es2022,dom --module esnext --moduleResolution bundler \
  types.ts client.ts openapi_types.ts

step "openapi-python-client"
openapi-python-client generate --path openapi.json --output-path hookgate_client --meta none \
  > generated.log 2>&1 || { cat generated.log; exit 1; }
MANAGEMENT="http://$management" KEY="$key" python -W error "$tests/openapi_client.py"
