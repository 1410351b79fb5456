"""Compare two runs: ``python -m benchmarks.compare before.json after.json``."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import results


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args()
    before, after = results.read(options.before), results.read(options.after)
    for title in ("size", "opset", "machine", "versions"):
        if before[title] != after[title]:
            print(f"{title} differs: {before[title]} / {after[title]}")
    exporters = dict.fromkeys(row["exporter"] for row in after["rows"])
    for exporter in exporters:
        rows = [
            {**row, "exporter": name}
            for name, run in (("before", before), ("after", after))
            for row in run["rows"]
            if row["exporter"] == exporter
        ]
        print(f"\n{exporter}: above 1 is an improvement\n")
        print(results.ratios_table(rows, "after"))
        for line in changes(rows):
            print(line)


def changes(rows: list[results.Row]) -> list[str]:
    """Models that fail or are inaccurate in one run only."""
    remarks: dict[str, dict[str, str]] = {}
    for row in rows:
        remarks.setdefault(row["model"], {})[row["exporter"]] = results.remark(row) or "fine"
    return [
        f"{model}: {told.get('before', 'absent')} → {told.get('after', 'absent')}"
        for model, told in remarks.items()
        if told.get("before") != told.get("after")
    ]


if __name__ == "__main__":
    main()
