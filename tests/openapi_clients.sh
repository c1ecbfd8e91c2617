#!/usr/bin/env bash
# `/openapi.json` and the tools that others use with it: Redocly's linter, and generators of clients
# in TypeScript and in Python. What they generate has to compile, and the Python client makes calls
# to a gateway. Needs the built program, and the tools in `target/clients` (`.ci/run` installs them).
set -euo pipefail
cd "$(dirname "$0")/.."
tests=$PWD/tests/clients
node=$PWD/target/clients/openapi/node_modules
python=$PWD/target/clients/python/bin
export PATH="$node/.bin:$python:$PATH" REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true

. tests/gateway.sh
curl -sf "http://$management/openapi.json" > "$folder/openapi.json"

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
