#!/usr/bin/env bash
# The line coverage of each module by the fuzzing corpus: all targets run over their seeds and their
# corpus once, after fuzz/run.sh. Needs llvm-tools, which rustup installs.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD/target/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
tools=$(rustc --print sysroot)/lib/rustlib/$host/bin
[ -x "$tools/llvm-cov" ] || rustup component add llvm-tools
[ -d "$root/corpus" ] || { echo "fuzz/run.sh has to run before" >&2; exit 2; }

RUSTFLAGS="-Cinstrument-coverage --cfg fuzzing" CARGO_TARGET_DIR=$root/covered \
  cargo build --quiet --release --bins --target "$host" --manifest-path fuzz/Cargo.toml
profiles=$(mktemp -d)
trap 'rm -rf "$profiles"' EXIT
objects=()
for target in $(basename -s .rs -a fuzz/fuzz_targets/*.rs); do
  program=$root/covered/$host/release/$target
  mkdir -p "$profiles/store" "$root/corpus/$target" "$root/seeds/$target"
  TMPDIR=$profiles/store LLVM_PROFILE_FILE=$profiles/$target.profraw \
    "$program" -runs=0 -timeout=600 "$root/corpus/$target" "$root/seeds/$target" 2>"$profiles/log" ||
    { tail "$profiles/log"; exit 1; }
  objects+=(-object "$program")
done
"$tools/llvm-profdata" merge -sparse "$profiles"/*.profraw -o "$profiles/all"
echo "| module | lines | reached |"
echo "|---|--:|--:|"
# The columns of lines are the eighth and ninth: how many, and how many of them are missed.
"$tools/llvm-cov" report "${objects[@]:1}" -instr-profile="$profiles/all" src 2>/dev/null |
  awk 'NF > 12 && $1 ~ /\.rs$/ { sub(/.*src\//, "", $1); sub(/[\/.].*/, "", $1); all[$1] += $8; missed[$1] += $9 }
    END { for (module in all) printf "| `%s` | %d | %d %% |\n", module, all[module], 100 * (1 - missed[module] / all[module]) }' | sort
