#!/usr/bin/env bash
# Builds the fuzz targets, and runs each for a number of seconds, two at a time:
#   fuzz/run.sh SECONDS [TARGET...]
# Prints a summary for each target, and fails on a finding: the input is in target/fuzz/found, the log
# in target/fuzz/logs. The corpus is in target/fuzz/corpus. With FUZZ_SEED a run can be repeated.
# Needs a C++ compiler and cargo-fuzz, which are installed if they are missing.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?the seconds that each target runs are missing}
shift
known=$(basename -s .rs -a fuzz/fuzz_targets/*.rs)
targets=("$@")
[ "$#" -gt 0 ] || mapfile -t targets <<<"$known"
for target in "${targets[@]}"; do
  grep -qx "$target" <<<"$known" || { echo "there is no target $target" >&2; exit 2; }
done

root=$PWD/target/fuzz
mkdir -p "$root"/{corpus,found,logs,tools}
export PATH="$root/tools/bin:$PATH"
if ! command -v g++ >/dev/null; then
  sudo=$([ "$(id -u)" = 0 ] || command -v sudo || true)
  $sudo apt-get update -q
  $sudo apt-get install -y -q g++
fi
cargo fuzz --version >/dev/null 2>&1 || cargo install --quiet --locked --root "$root/tools" cargo-fuzz@0.13.2

CARGO_TARGET_DIR=$PWD/target cargo run --quiet --manifest-path fuzz/seeds/Cargo.toml -- "$root/seeds"
# Sanitizers need a nightly compiler, and only find errors of `unsafe` code.
(cd fuzz && cargo fuzz build --sanitizer none >"$root/logs/build" 2>&1) || { tail -n 60 "$root/logs/build"; exit 1; }

# Stores for the targets that need one: in memory, if possible.
stores=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "$stores"' EXIT

run() {
  local target=$1 words=() log=$root/logs/$1
  mkdir -p "$root/corpus/$target" "$root/seeds/$target" "$stores/$target"
  [ ! -f "$root/seeds/$target.dict" ] || words=(-dict="$root/seeds/$target.dict")
  TMPDIR=$stores/$target "$bin/$target" "$root/corpus/$target" "$root/seeds/$target" "${words[@]}" \
    -seed="${FUZZ_SEED:-0}" -max_total_time="$seconds" -max_len=4096 -timeout=120 -rss_limit_mb=3000 \
    -artifact_prefix="$root/found/$target-" -print_final_stats=1 >"$log" 2>&1 && end=ok || end=FOUND
  awk -v target="$target" -v end="$end" '
    / cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") cov = $(i+1); if ($i == "ft:") ft = $(i+1) } }
    /^stat::number_of_executed_units/ { runs = $2 }
    /^stat::peak_rss_mb/ { rss = $2 }
    END { printf "| `%s` | %s | %s | %s | %s MB | %s |\n", target, runs, cov, ft, rss, end }' "$log"
  [ "$end" = ok ] || { grep -aE -A6 'panicked|ERROR: libFuzzer|Test unit written' "$log" >&2; return 1; }
}
export -f run
export root seconds stores bin
bin=$PWD/fuzz/target/$(rustc -vV | sed -n 's/^host: //p')/release

echo "| target | executions | edges | features | memory | |"
echo "|---|--:|--:|--:|--:|---|"
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'run {}'
