"""A run's rows, their tables and their file."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]

# Key of the row → head of the column, format.
FIGURES = {
    "export_s": ("export s", "{:.2f}"),
    "export_cpu_s": ("cpu s", "{:.2f}"),
    "export_without_saving_s": ("unsaved s", "{:.2f}"),
    "peak_mb": ("peak MB", "{:.0f}"),
    "nodes": ("nodes", "{:d}"),
    "file_mb": ("file MB", "{:.2f}"),
    "latency_ms": ("latency ms", "{:.2f}"),
    "latency_larger_ms": ("larger ms", "{:.2f}"),
    "absolute_error": ("abs error", "{:.0e}"),
    "relative_error": ("rel error", "{:.0e}"),
}
RATIOS = (
    *("export_s", "export_cpu_s", "peak_mb", "nodes", "file_mb"),
    *("latency_ms", "latency_larger_ms"),
)

OURS = "torch_onnx"
# Front ends of this exporter beside its first, and the peer that does the same job.
COUNTERPARTS = {"torch_onnx_trace": "torchscript", "torch_onnx_script": "torchscript_script"}
PACKAGES = ("torch", "onnx", "onnx-ir", "onnxruntime", "onnxscript", "transformers", "numpy")


def machine(threads: int) -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "threads": threads,
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "unknown")


def versions() -> dict[str, str]:
    found = {}
    for package in ("torch-onnx-exporter", *PACKAGES):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def commit() -> str | None:
    """The commit that is benchmarked, marked where files differ from it; None outside of git."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() or None


def write(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def figures_table(rows: Sequence[Row]) -> str:
    """All absolute figures, a line a model and exporter."""
    lines = [["model", "exporter", *(head for head, _ in FIGURES.values()), ""]]
    for row in rows:
        cells = [_cell(row.get(key), form) for key, (_, form) in FIGURES.items()]
        lines.append([row["model"], row["exporter"], *cells, remark(row)])
    return table(lines)


def remark(row: Row) -> str:
    if "error" in row:
        return str(row["error"])[:90]
    return "" if row.get("accurate", True) else "INACCURATE"


def ratios_table(rows: Sequence[Row], reference: str) -> str:
    """Each other exporter's figure divided by the reference's: above 1 the reference is better."""
    by_key = {(row["model"], row["exporter"]): row for row in rows}
    models = list(dict.fromkeys(row["model"] for row in rows))
    others = [name for name in dict.fromkeys(row["exporter"] for row in rows) if name != reference]
    blocks = []
    for other in others:
        lines = [[f"{other} / {reference}", *(FIGURES[key][0].split()[0] for key in RATIOS)]]
        columns: list[list[float]] = [[] for _ in RATIOS]
        for model in models:
            ours, theirs = by_key.get((model, reference)), by_key.get((model, other))
            cells = []
            for key, column in zip(RATIOS, columns, strict=True):
                value = ratio(theirs, ours, key)
                cells.append("" if value is None else f"{value:.2f}")
                if value is not None:
                    column.append(value)
            lines.append([model, *cells])
        lines.append(["geometric mean", *(_mean(column) for column in columns)])
        lines.append(["models", *(str(len(column)) for column in columns)])
        blocks.append(table(lines))
    return "\n\n".join(blocks)


def pairs(exporters: Iterable[str]) -> list[tuple[str, str]]:
    """Each peer with the front end of this exporter that it is compared with."""
    names = list(dict.fromkeys(exporters))
    peers = [n for n in names if n != OURS and n not in COUNTERPARTS and not n.endswith("_script")]
    first = [(peer, OURS) for peer in peers if OURS in names]
    return first + [(p, o) for o, p in COUNTERPARTS.items() if o in names and p in names]


def ratio(above: Row | None, below: Row | None, key: str) -> float | None:
    """None where either failed or has no such figure."""
    if above is None or below is None or "error" in above or "error" in below:
        return None
    # Memory below a megabyte is noise, and a ratio to nothing says nothing.
    floor = 1.0 if key == "peak_mb" else 0.0
    values = [row.get(key) for row in (above, below)]
    if any(value is None for value in values):
        return None
    top, bottom = (max(float(value), floor) for value in values if value is not None)
    return top / bottom if top and bottom else None


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def table(lines: Sequence[Sequence[str]]) -> str:
    """Text columns: the first cell of each row to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = [_line(line, widths) for line in lines]
    return "\n".join([texts[0], "-" * min(len(texts[0]), 140), *texts[1:]])


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    parts = []
    for cell, width in zip(cells, widths, strict=True):
        right = cell[:1].isdigit() or cell in ("", "-", "inf", "nan")
        parts.append(cell.rjust(width) if right else cell.ljust(width))
    return "  ".join(parts).rstrip()


def _cell(value: Any, form: str) -> str:
    return "-" if value is None else form.format(value)


def _mean(values: Sequence[float]) -> str:
    return f"{geometric_mean(values):.2f}" if values else "-"
