#!/usr/bin/env bash
# The rule language beside other engines: runs the bench, and writes its ratios as Markdown tables.
# Arguments are handed to the bench, as a filter is.
#
#   benches/peers/run.sh >ratios.md
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# What was measured another time would be taken for part of this run.
rm -rf "$CARGO_TARGET_DIR/criterion"
cargo run --release --manifest-path benches/peers/Cargo.toml -- --bench "$@" 2>&1 | tee "$log" >&2
python3 benches/peers/tables.py "$CARGO_TARGET_DIR/criterion" "$log"
