#!/bin/sh
# Timing test: the number of instructions that a wrong signature takes must not depend on its wrong byte.
#
# Needs valgrind (Debian: `apt-get install valgrind`), and the program `timing`, which it builds. For
# each provider 500 requests are decided with a signature that is wrong in its first byte, in a middle
# byte, in its last byte, or in all of them. The numbers of instructions must be equal, except for less
# than one for each request. The allocator is excluded, because its work depends on earlier frees.
set -eu
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || { echo "valgrind is not there" >&2; exit 2; }
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
cargo build --quiet --release --manifest-path benches/gateway/Cargo.toml --bin timing
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
program=$CARGO_TARGET_DIR/release/timing
requests=500

# Each call of the measured function is counted alone: four calls to warm up, then four positions.
counted() {
    rm -f "$folder"/out*
    valgrind --quiet --tool=callgrind --callgrind-out-file="$folder/out" \
        --toggle-collect='timing::Case::refused' --dump-after='timing::Case::refused' "$program" "$1" >&2
    for call in 5 6 7 8; do
        callgrind_annotate --auto=no --threshold=100 --show-percs=no "$folder/out.$call" |
            awk '/PROGRAM TOTALS/ { gsub(",", "", $1); sum = $1 }
                / \.\/malloc\/|:_?mi_/ { gsub(",", "", $1); sum -= $1 }
                END { printf "%d\n", sum }'
    done
}

[ $# -gt 0 ] || set -- github line websub gitlab hubspot-v1
printf '%-12s %11s %11s %11s %11s   %s\n' provider first middle last all 'apart, in all'
failed=0
for provider in "$@"; do
    : >"$folder/runs"
    # Memory addresses and the seeds of hash maps cost the C library some instructions in some runs. A real
    # difference would be in every run, so the least of up to five counts is used.
    for _ in 1 2 3 4 5; do
        counted "$provider" | tr '\n' ' ' >>"$folder/runs"
        echo >>"$folder/runs"
        counts=$(awk '{ for (at = 1; at <= NF; at++) if (NR == 1 || $at < least[at]) least[at] = $at; n = NF }
            END { for (at = 1; at <= n; at++) {
                if (at == 1 || least[at] < low) low = least[at]
                if (at == 1 || least[at] > high) high = least[at]
                printf "%d ", least[at]
            } printf "%d", high - low }' "$folder/runs")
        apart=${counts##* }
        [ "$apart" -ge "$requests" ] || break
    done
    [ "$(echo "$counts" | wc -w)" = 5 ] || { echo "$provider: not counted: $counts" >&2; exit 1; }
    # shellcheck disable=SC2086
    printf '%-12s %11d %11d %11d %11d   %d\n' "$provider" $counts
    [ "$apart" -lt "$requests" ] || failed=1
done
exit $failed
