"""Tables of a benchmark run: ratios to the code by hand, and allocations.

tables.py CRITERION_FOLDER LOG
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

ENGINES = [
    "by-hand",
    "typed",
    "hookgate",
    "hookgate-set",
    "cel",
    "rhai",
    "minijinja",
    "zen",
    "vrl",
    "vrl-in-place",
    "regorus",
    "evalexpr",
]
# Code by hand is not compiled at run time, so compile times are relative to Hookgate.
BASES = {
    "prepared": "by-hand",
    "per-request": "by-hand",
    "end-to-end": "by-hand",
    "compile": "hookgate",
}


def medians(folder, log):
    """Nanoseconds by group and workload, and by engine."""
    found = defaultdict(dict)
    for file in Path(folder).glob("**/new/estimates.json"):
        of = json.loads(file.with_name("benchmark.json").read_text())
        nanos = json.loads(file.read_text())["median"]["point_estimate"]
        found[of["group_id"]][of["function_id"]] = nanos
    # Cases that take seconds run once.
    for group, row in noted(log, "once").items():
        found[group].update((engine, float(nanos)) for engine, nanos in row.items())
    return found


def noted(log, what):
    """The values printed by the benchmark, by group and workload, and by engine."""
    found = defaultdict(dict)
    for line in Path(log).read_text().splitlines():
        if line.startswith(f"{what}\t"):
            _, group, engine, number = line.split("\t")
            found[group][engine] = number
    return found


def duration(nanos):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanos >= size:
            return f"{nanos / size:.3g} {unit}"
    return f"{nanos:.3g} ns"


def ratio(engine, base, row):
    if engine not in row:
        return "–"
    if engine == base or base not in row:
        return duration(row[engine])
    return f"{row[engine] / row[base]:.3g}"


def rows_of(found, kind):
    of_kind = [group for group in found if group.startswith(f"{kind}/")]
    named = {group.split("/", 1)[1]: found[group] for group in of_kind}
    # Numeric order: a hundred before a thousand.
    return sorted(named.items(), key=lambda item: (len(item[0]) if kind == "compile" else 0, item[0]))


def table(title, rows, cell):
    engines = [engine for engine in ENGINES if any(engine in row for _, row in rows)]
    print(f"\n### {title}\n")
    print("|", " | ".join(["", *engines]), "|")
    print("|", " | ".join(["---", *("---:" for _ in engines)]), "|")
    for name, row in rows:
        print("|", " | ".join([name, *(cell(engine, row) for engine in engines)]), "|")


def main(folder, log):
    times, counts = medians(folder, log), noted(log, "allocations")
    for kind, base in BASES.items():
        rows = rows_of(times, kind)
        if rows:
            table(f"{kind}: time, {base} = 1", rows, lambda engine, row: ratio(engine, base, row))
    for kind in BASES:
        rows = rows_of(counts, kind)
        if rows:
            table(f"{kind}: allocations", rows, lambda engine, row: row.get(engine, "–"))


main(*sys.argv[1:])
