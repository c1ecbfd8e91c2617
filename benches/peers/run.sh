#!/usr/bin/env bash
# Compares the rule language with other engines: runs the benchmark, and writes its ratios as Markdown
# tables. Arguments are passed to the benchmark as a filter.
#
#   benches/peers/run.sh >ratios.md
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Results of an earlier run would be counted for this one.
rm -rf "$CARGO_TARGET_DIR/criterion"
cargo run --release --manifest-path benches/peers/Cargo.toml -- --bench "$@" 2>&1 | tee "$log" >&2
python3 benches/peers/tables.py "$CARGO_TARGET_DIR/criterion" "$log"
