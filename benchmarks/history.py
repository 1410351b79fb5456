"""The figures of all runs, over commits: ``python -m benchmarks.history`` writes one HTML file.

Reads ``benchmarks/results/*.json`` by default. One chart a model and figure, a line an exporter.
"""

from __future__ import annotations

import argparse
import html
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.run import OUTPUT

SHOWN = ("export_s", "peak_mb", "nodes", "latency_ms")
COLOURS = ("#1f6f8b", "#d1603d", "#7a9e3b", "#8a5fa8", "#666666")
WIDTH, HEIGHT, MARGIN = 300, 130, 34

STYLE = """
body { font: 14px system-ui, sans-serif; margin: 1.5em; }
.charts { display: flex; flex-wrap: wrap; gap: 1em; }
figure { margin: 0; } figcaption { font-weight: 600; }
svg { background: #fafafa; border: 1px solid #ddd; } text { font-size: 10px; fill: #555; }
"""


@dataclass(frozen=True, slots=True)
class Point:
    """A figure of one run: which run it was, by its place among all, and what is told of it."""

    run: int
    value: float
    label: str


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="JSON files of benchmarks.run")
    parser.add_argument("--output", type=Path, default=OUTPUT / "history.html")
    options = parser.parse_args()
    files = options.files or sorted(OUTPUT.glob("*.json"))
    if not files:
        print("There are no results yet: make bench")
        return 1
    runs = sorted((results.read(path) for path in files), key=lambda run: str(run["date"]))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(page(runs), encoding="utf-8")
    print(f"{options.output}: {len(runs)} runs")
    return 0


def page(runs: Sequence[dict[str, Any]]) -> str:
    """All charts; they need nothing from outside."""
    exporters = list(dict.fromkeys(row["exporter"] for run in runs for row in run["rows"]))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(exporters)}
    models = list(dict.fromkeys(row["model"] for run in runs for row in run["rows"]))
    legend = " ".join(
        f'<span style="color:{colour}">&#9632; {html.escape(name)}</span>'
        for name, colour in colours.items()
    )
    parts = [f"<h1>Benchmarks of {len(runs)} runs</h1><p>{legend}</p>"]
    for figure in SHOWN:
        title, form = results.FIGURES[figure]
        charts = []
        for model in models:
            lines = {name: points(runs, model, name, figure, form) for name in exporters}
            if any(lines.values()):
                drawn = chart(lines, colours, len(runs), form)
                charts.append(
                    f"<figure><figcaption>{html.escape(model)}</figcaption>{drawn}</figure>"
                )
        if charts:
            parts.append(f"<h2>{html.escape(title)}</h2>")
            parts.append(f'<div class="charts">{"".join(charts)}</div>')
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Benchmarks</title>'
        f"<style>{STYLE}</style></head><body>{body}</body></html>\n"
    )


def points(
    runs: Sequence[dict[str, Any]], model: str, exporter: str, figure: str, form: str
) -> list[Point]:
    found = []
    for index, run in enumerate(runs):
        for row in run["rows"]:
            value = row.get(figure)
            if (row["model"], row["exporter"]) == (model, exporter) and value is not None:
                commit = run.get("commit") or "unknown commit"
                label = f"{exporter} {form.format(value)}, {commit}, {run['date']}, {run['size']}"
                found.append(Point(index, float(value), label))
    return found


def chart(lines: dict[str, list[Point]], colours: dict[str, str], count: int, form: str) -> str:
    """One SVG: values from 0 up, runs from left to right."""
    highest = max((point.value for line in lines.values() for point in line), default=1.0) or 1.0
    step = (WIDTH - 2 * MARGIN) / max(count - 1, 1)

    def place(point: Point) -> tuple[float, float]:
        height = (HEIGHT - 2 * 14) * point.value / highest
        return MARGIN + step * point.run, HEIGHT - 14 - height

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">']
    parts.append(f'<text x="2" y="12">{form.format(_like(form, highest))}</text>')
    parts.append(f'<text x="2" y="{HEIGHT - 8}">0</text>')
    for name, line in lines.items():
        places = [place(point) for point in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        colour = colours[name]
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
        for point, (x, y) in zip(line, places, strict=True):
            label = html.escape(point.label)
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}">'
                f"<title>{label}</title></circle>"
            )
    return "".join(parts) + "</svg>"


def _like(form: str, value: float) -> float | int:
    return int(value) if form.endswith("d}") else value


if __name__ == "__main__":
    sys.exit(main())
