"""How a release stands, and whether it falls behind the last one: ``python -m releasing.standing``.

    python -m releasing.standing --matrix matrix/*.xml --benchmark benchmark.json \\
        --last last/standing.json --output standing.json

The matrix's results are JUnit files of pytest, each called by its PyTorch (``2.13.xml``); the
benchmark's is the JSON of ``python -m benchmarks``. Exits with 1 when

- a test failed, or more than 2 % were skipped, with any PyTorch;
- a PyTorch that the last release was tested with is missing and not in ``--dropped``;
- with one of them, more than 5 % of the tests that there were are gone;
- a ratio to a peer, as geometric mean over all models, is more than 5 % below the last release's;
- a model that the last release exported accurately fails or is inaccurate now.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from benchmarks import results

MOST_SKIPPED = 0.02
MOST_LOST = 0.05

Standing = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m releasing.standing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--matrix", type=Path, nargs="+", required=True)
    parser.add_argument("--benchmark", type=Path, required=True)
    parser.add_argument("--last", type=Path, help="left out for the first release")
    parser.add_argument("--dropped", nargs="*", default=[], help="PyTorch releases given up")
    parser.add_argument("--output", type=Path, default=Path("standing.json"))
    options = parser.parse_args()
    standing: Standing = {
        "matrix": {path.stem: counts(path) for path in options.matrix},
        "benchmark": benchmark(results.read(options.benchmark)["rows"]),
    }
    options.output.write_text(json.dumps(standing, indent=1) + "\n", encoding="utf-8")
    last = json.loads(options.last.read_text(encoding="utf-8")) if options.last else None
    problems = [*faults(standing), *(setbacks(last, standing, options.dropped) if last else [])]
    print(*problems or ["The release stands."], sep="\n")
    return bool(problems)


def counts(path: Path) -> dict[str, int]:
    """Tests run, failed and skipped, of a JUnit file."""
    suites = list(ElementTree.parse(path).getroot().iter("testsuite"))

    def total(*names: str) -> int:
        return sum(int(suite.get(name, 0)) for suite in suites for name in names)

    return {
        "tests": total("tests"),
        "failed": total("failures", "errors"),
        "skipped": total("skipped"),
    }


def benchmark(rows: Sequence[results.Row]) -> dict[str, Any]:
    """The geometric means of the peers' figures over ours, and the models that are right."""
    by_key = {(row["model"], row["exporter"]): row for row in rows}
    models = list(dict.fromkeys(row["model"] for row in rows))
    ratios: dict[str, dict[str, float]] = {}
    for peer, own in results.pairs(row["exporter"] for row in rows):
        name = peer if own == results.OURS else f"{peer} / {own}"
        for figure in results.RATIOS:
            both = ((by_key.get((m, peer)), by_key.get((m, own))) for m in models)
            found = [results.ratio(theirs, ours, figure) for theirs, ours in both]
            values = [value for value in found if value is not None]
            if values:
                ratios.setdefault(name, {})[figure] = round(results.geometric_mean(values), 4)
    right = [
        m for m in models if (row := by_key.get((m, results.OURS))) and not results.remark(row)
    ]
    return {"ratios": ratios, "right": right}


def faults(standing: Standing) -> list[str]:
    """What no release may have."""
    problems = []
    for torch, row in standing["matrix"].items():
        if not row["tests"]:
            problems.append(f"PyTorch {torch}: no test was run")
        if row["failed"]:
            problems.append(f"PyTorch {torch}: {row['failed']} tests fail")
        if row["skipped"] > MOST_SKIPPED * row["tests"]:
            problems.append(f"PyTorch {torch}: {row['skipped']} of {row['tests']} are skipped")
    return problems


def setbacks(last: Standing, now: Standing, dropped: Sequence[str]) -> list[str]:
    """Where a release falls behind the last one."""
    missing = sorted(last["matrix"].keys() - now["matrix"].keys() - set(dropped))
    problems = [f"PyTorch {torch}: the last release was tested with it" for torch in missing]
    for torch, row in now["matrix"].items():
        before = last["matrix"].get(torch, row)["tests"]
        if row["tests"] < before * (1 - MOST_LOST):
            problems.append(f"PyTorch {torch}: {row['tests']} tests, there were {before}")
    ratios: Mapping[str, Mapping[str, float]] = now["benchmark"]["ratios"]
    for peer, figures in last["benchmark"]["ratios"].items():
        for figure, before in figures.items():
            after = ratios.get(peer, {}).get(figure)
            if after is None:
                problems.append(f"{peer}: {figure} is not measured any more")
            elif after < before * (1 - MOST_LOST):
                problems.append(f"{peer}: the ratio of {figure} was {before:.2f}, is {after:.2f}")
    lost = [m for m in last["benchmark"]["right"] if m not in now["benchmark"]["right"]]
    return [*problems, *(f"{model}: was exported accurately" for model in lost)]


if __name__ == "__main__":
    sys.exit(main())
