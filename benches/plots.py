"""Plots of `cargo bench --bench growth`: time by size, both axes logarithmic.

plots.py CRITERION_FOLDER OUTPUT_FOLDER
"""

import json
import math
import sys
from collections import defaultdict
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 560, 340, 70, 34, 130, 46
COLOURS = ["#0b6e4f", "#b5541c", "#33508f", "#7a4a8c"]
AXES = {
    "rules": "rules of one request",
    "clauses": "clauses of one rule",
    "elements": "elements of a list",
    "bytes": "bytes of a body",
}


def medians(folder):
    """Points by plot and line: size, and nanoseconds."""
    found = defaultdict(lambda: defaultdict(list))
    for file in Path(folder).glob("growth_*/*/*/new/estimates.json"):
        of = json.loads(file.with_name("benchmark.json").read_text())
        nanos = json.loads(file.read_text())["median"]["point_estimate"]
        plot = of["group_id"].split("/", 1)[1]
        found[plot][of["function_id"]].append((int(of["value_str"]), nanos))
    return found


class Axis:
    """A logarithmic axis from a power of ten to another."""

    def __init__(self, values, start, end):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.start, self.end = start, end

    def place(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self):
        return [10**power for power in range(self.low, self.high + 1)]


def duration(nanos):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanos >= size:
            return f"{nanos / size:g} {unit}"
    return f"{nanos:g} ns"


def text(x, y, words, anchor="middle", colour="#444"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def line(x1, y1, x2, y2):
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="#ddd" fill="none"/>'


def plot(name, lines):
    points = [point for line in lines.values() for point in line]
    across = Axis([size for size, _ in points], LEFT, WIDTH - RIGHT)
    up = Axis([nanos for _, nanos in points], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, AXES[name]),
        text(LEFT, 18, "time", "end"),
    ]
    for tick in across.ticks():
        x = across.place(tick)
        parts += [line(x, TOP, x, HEIGHT - BOTTOM), text(x, HEIGHT - BOTTOM + 16, f"{tick:,}")]
    for tick in up.ticks():
        y = up.place(tick)
        parts += [line(LEFT, y, WIDTH - RIGHT, y), text(LEFT - 6, y + 4, duration(tick), "end")]
    ends = []
    for colour, (label, values) in zip(COLOURS, sorted(lines.items())):
        places = [(across.place(size), up.place(nanos)) for size, nanos in sorted(values)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        parts.append(f'<path d="M{path}" stroke="{colour}" stroke-width="2" fill="none"/>')
        ends.append((places[-1], label, colour))
    # Labels at the ends of their lines, without overlap.
    lowest = -math.inf
    for (x, y), label, colour in sorted(ends, key=lambda end: end[0][1]):
        lowest = max(y, lowest + 14)
        parts.append(text(x + 8, lowest + 4, label, "start", colour))
    return "\n".join([*parts, "</svg>", ""])


def main(folder, output):
    for name, lines in medians(folder).items():
        Path(output, f"{name}.svg").write_text(plot(name, lines))
        for label, values in sorted(lines.items()):
            told = ", ".join(f"{size:,}: {duration(round(nanos, 1))}" for size, nanos in sorted(values))
            print(f"{name} {label}: {told}")


main(*sys.argv[1:])
