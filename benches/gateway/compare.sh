#!/usr/bin/env bash
# Compares two builds of the gateway on the accept path, one after the other in each round, each with
# an empty store. Needs wrk (the Debian package), curl and openssl.
#
#   ROUNDS=20 benches/gateway/compare.sh BEFORE AFTER
#
# First rounds in which each build writes WRITE_MIB (default: 32), so that the write-ahead log stays
# below 64 MiB. Then one run of each that writes WRITE_GIB (default: 4; 0 skips it), with checkpoints.
# CPU is the sum of all threads of the gateway. CONNECTIONS is 16 by default.
set -euo pipefail
cd "$(dirname "$0")/../.."
source benches/gateway/configure.sh
[ $# = 2 ] || { sed -n '2,11p' "$0"; exit 2; }
programs=("$1" "$2") names=(before after)
ROUNDS=${ROUNDS:-20} CONNECTIONS=${CONNECTIONS:-16} WRITE_MIB=${WRITE_MIB:-32} WRITE_GIB=${WRITE_GIB:-4}
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
configure "$folder"

# begin WHICH: starts a program on an empty store.
begin() {
  rm -f "$folder"/hookgate.db*
  "${programs[$1]}" serve -C "$folder" >/dev/null 2>"$folder/log" &
  pid=$!
  for _ in $(seq 100); do
    curl -fso /dev/null http://127.0.0.1:8091/readyz && return
    sleep 0.05
  done
  cat "$folder/log" >&2
  exit 1
}

end() {
  kill "$pid"
  wait "$pid" 2>/dev/null || true
}

# Nanoseconds of CPU time of the threads of the gateway.
cpu() { cat /proc/"$pid"/task/*/schedstat | awk '{ sum += $1 } END { printf "%d\n", sum }'; }

log_bytes() { stat -c %s "$folder"/hookgate.db-wal; }

# has_written BYTES: true if the gateway has written this number of bytes.
has_written() {
  local name bytes
  while read -r name bytes; do
    [ "$name" != wchar: ] || [ "$bytes" -lt "$1" ] || return 0
  done <"/proc/$pid/io"
  return 1
}

# load BYTES: sends until the gateway has written this number of bytes; prints requests a second, p50
# and p99 in ms, requests, and failed requests.
load() {
  wrk -t2 -c"$CONNECTIONS" -d3600s --latency -s benches/gateway/load.lua "$URL" >"$folder/figures" &
  local loading=$!
  until has_written "$1"; do sleep 0.02; done
  # wrk prints its summary when it is interrupted.
  kill -INT "$loading"
  wait "$loading"
  awk "$AWK_FUNCTIONS"' / 50%/ {p50=ms($2)} / 99%/ {p99=ms($2)} /Requests\/sec/ {rate=$2}
    / requests in / {all=$1} /Non-2xx/ {bad=$NF} END {print rate, p50, p99, all, bad + 0}' "$folder/figures"
}

for round in $(seq "$ROUNDS"); do
  # The first build of a round has another cache state than the second, so they take turns.
  order=(0 1)
  [ $((round % 2)) = 1 ] || order=(1 0)
  for which in "${order[@]}"; do
    begin "$which"
    before=$(cpu)
    load $((WRITE_MIB << 20)) >"$folder/line"
    echo "${names[$which]} $round $(cat "$folder/line") $(($(cpu) - before)) $(log_bytes)" >>"$folder/results"
    end
  done
done
awk "$AWK_FUNCTIONS"'
  {
    name = $1; n[name] = $2; rate[name, $2] = $3; p50[name, $2] = $4; p99[name, $2] = $5
    cpu[name, $2] = $8 / $6 / 1000; bad[name] += $7; if ($9 > log_bytes[name]) log_bytes[name] = $9
  }
  function of(values, name,   i, list) {
    for (i = 1; i <= n[name]; i++) list[i] = values[name, i]
    return middle(list, n[name])
  }
  function ratio(values,   i, list) {
    for (i = 1; i <= n["after"]; i++) list[i] = values["after", i] / values["before", i]
    return middle(list, n["after"])
  }
  END {
    print "| | requests/s | p50 ms | p99 ms | CPU µs/request | log at most |\n|---|--:|--:|--:|--:|--:|"
    for (i = split("before after", names, " "); i > 0; i--) {
      name = names[3 - i]
      printf "| %s | %.0f | %.2f | %.2f | %.1f | %.0f MiB |\n", name, of(rate, name), of(p50, name), of(p99, name), of(cpu, name), log_bytes[name] / 1048576
      if (bad[name]) printf "%s: %d answers were no success\n", name, bad[name]
    }
    printf "| after / before, median of %d rounds | %.3f | %.3f | %.3f | %.3f | |\n", n["after"], ratio(rate), ratio(p50), ratio(p99), ratio(cpu)
  }' "$folder/results"

[ "$WRITE_GIB" != 0 ] || exit 0
printf '\nOne run of each that writes %s GiB:\n\n' "$WRITE_GIB"
printf '| | requests | requests/s | p50 ms | p99 ms | CPU µs/request | log at the end | store |\n|---|--:|--:|--:|--:|--:|--:|--:|\n'
for which in 0 1; do
  begin "$which"
  before=$(cpu)
  load $((WRITE_GIB << 30)) >"$folder/line"
  read -r rate p50 p99 all bad <"$folder/line"
  awk -v name="${names[$which]}" -v rate="$rate" -v p50="$p50" -v p99="$p99" -v all="$all" -v bad="$bad" \
    -v cpu=$(($(cpu) - before)) -v log_bytes="$(log_bytes)" -v store="$(stat -c %s "$folder/hookgate.db")" '
    BEGIN {
      printf "| %s | %d | %.0f | %.2f | %.2f | %.1f | %.0f MiB | %.0f MiB |\n", name, all, rate, p50, p99, cpu / all / 1000, log_bytes / 1048576, store / 1048576
      if (bad) printf "%s: %d answers were no success\n", name, bad
    }'
  end
done
