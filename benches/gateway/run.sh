#!/usr/bin/env bash
# The accept path under load, beside `webhook` (the Debian package of adnanh/webhook) with the same
# verification, if it is installed, and beside an axum handler that only reads and parses the body.
# Needs wrk, openssl and a release build:
#
#   cargo build --release --bins
#   CARGO_TARGET_DIR=target cargo build --release --manifest-path benches/gateway/Cargo.toml
#   ROUNDS=5 benches/gateway/run.sh [CONNECTIONS...]
#
# In each round each server has an empty store and the whole machine, one after the other.
set -euo pipefail
cd "$(dirname "$0")/../.."
source benches/gateway/configure.sh
SECONDS_EACH=${SECONDS_EACH:-10}
ROUNDS=${ROUNDS:-1}
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder"' EXIT

configure "$folder"
# The last rule fails, so that no command runs: it would take most of the time.
cat >"$folder/hooks.json" <<JSON
[{"id": "github", "execute-command": "/bin/true", "trigger-rule-mismatch-http-response-code": 200,
  "trigger-rule": {"and": [
    {"match": {"type": "payload-hmac-sha256", "secret": "$SECRET", "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}},
    {"match": {"type": "value", "value": "push", "parameter": {"source": "header", "name": "X-GitHub-Event"}}},
    {"match": {"type": "regex", "regex": "^refs/", "parameter": {"source": "payload", "name": "ref"}}},
    {"match": {"type": "value", "value": "another", "parameter": {"source": "payload", "name": "repository.name"}}}]}}]
JSON

peers=(hookgate bare)
! command -v webhook >/dev/null || peers+=(webhook)

# begin NAME: starts a server with an empty store.
begin() {
  case $1 in
    hookgate)
      rm -f "$folder"/hookgate.db*
      target/release/hookgate serve -C "$folder" >/dev/null 2>"$folder/log" &
      url=$URL
      ;;
    webhook)
      webhook -hooks "$folder/hooks.json" -ip 127.0.0.1 -port 9090 >/dev/null 2>&1 &
      url=http://127.0.0.1:9090/hooks/github
      ;;
    bare)
      target/release/bare 127.0.0.1:9091 >/dev/null 2>&1 &
      url=http://127.0.0.1:9091/
      ;;
  esac
  sleep 1
  kill -0 "$!" || { echo "$1 did not begin" >&2; exit 1; }
}

for connections in "${@:-16}"; do
  : >"$folder/results"
  for _ in $(seq "$ROUNDS"); do
    for peer in "${peers[@]}"; do
      begin "$peer"
      wrk -t2 -c"$connections" -d"${SECONDS_EACH}s" --latency -s benches/gateway/load.lua "$url" |
        awk -v peer="$peer" "$AWK_FUNCTIONS"' / 50%/ {p50=ms($2)} / 99%/ {p99=ms($2)} /Requests\/sec/ {rate=$2}
          /Non-2xx/ {bad=$NF} END {print peer, rate, p50, p99, bad + 0}' >>"$folder/results"
      kill "$!"
      wait "$!" 2>/dev/null || true
    done
  done
  # Medians of all rounds, and of the ratios within each round.
  sort -s -k1,1 "$folder/results" | awk -v connections="$connections" "$AWK_FUNCTIONS"'
    { n[$1]++; rate[$1, n[$1]] = $2; p50[$1, n[$1]] = $3; p99[$1, n[$1]] = $4; bad[$1] += $5 }
    function of(values, peer,   i, list) {
      for (i = 1; i <= n[peer]; i++) list[i] = values[peer, i]
      return middle(list, n[peer])
    }
    END {
      for (peer in n) {
        printf "%-9s %4s connections: %6.0f requests/s, p50 %.1f ms, p99 %.1f ms", peer, connections, of(rate, peer), of(p50, peer), of(p99, peer)
        if (bad[peer]) printf ", %d answers were no success", bad[peer]
        if (peer != "hookgate") {
          for (i = 1; i <= n[peer]; i++) list[i] = rate["hookgate", i] / rate[peer, i]
          printf "; hookgate %.2f times", middle(list, n[peer])
        }
        print ""
      }
    }'
done
