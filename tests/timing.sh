#!/bin/sh
# Whether what a wrong signature takes says where it is wrong: instructions, counted.
#
# Needs valgrind (Debian: `apt-get install valgrind`), and the program `timing`, which it builds. For
# each provider 500 requests are decided with a signature that is wrong in its first byte, in a middle
# one, in its last, and in all: the instructions have to be as many, but for less than one a request.
# Those of the allocator are left out: what it does depends on what was freed before.
set -eu
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || { echo "valgrind is not there" >&2; exit 2; }
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
cargo build --quiet --release --manifest-path benches/gateway/Cargo.toml --bin timing
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
program=$CARGO_TARGET_DIR/release/timing
requests=500

# Each call of the function that decides is counted on its own: four to warm up, then four places.
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
    # Where memory lies, by the seeds of hash maps, costs the C library some instructions in some runs.
    # What a place costs would be there in every run: the least of up to five counts.
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
