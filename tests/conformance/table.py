"""Kept results as the table that users read: docs/operators.md."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
from conformance.combinations import (
    ALL,
    RESULTS,
    Outcomes,
    Results,
    passes,
    read_all,
    totals,
)

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"

SAID = {
    "unsupported": "no translation of {}",
    "values": "other values: {}",
    "shape": "other shape: {}",
    "dtype": "other dtype: {}",
    "load": "ONNX Runtime refuses the model: {}",
    "run": "ONNX Runtime: {}",
    "eager": "PyTorch itself: {}",
    "slow": "takes {}",
}
"""How a failed step is put. Others are named before the reason; refusals speak for themselves."""

LONGEST_REASON = 160
MOST_REASONS = 4

LEGEND = """\
# Operators

What this exporter makes of every operator of PyTorch's own database (`op_db`, which PyTorch tests
itself with): its sample inputs are exported, run in ONNX Runtime and compared with PyTorch, in
values, dtypes and shapes.

| | |
|---|---|
| ✓ | every sample gives PyTorch's result |
| 3/5 | three of five samples do; the last column says why the others don't |
| ✗ | no sample does, or none can be compared |
| – | PyTorch has no such operator for this dtype |
| | not run |

A column is an opset with float32 and static shapes; or, at opset 20, another dtype, or every dim
dynamic (and run at another size as well). A reason follows the columns that it holds for. Names
are those of the database: `nn.functional.gelu` is `torch.nn.functional.gelu`, and
`div.floor_rounding` is `torch.div` with `rounding_mode="floor"`.
"""


def write(folder: Path = RESULTS, page: Path = PAGE) -> None:
    """Write the page from all results kept in a folder."""
    page.write_text(text(read_all(folder)), encoding="utf-8")


def marks(page: Path = PAGE) -> dict[str, dict[str, str]]:
    """What a page says of each operator, by the column's title."""
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    titles = next(row for row in rows if row[0] == "operator")
    of_operators = (row for row in rows if row[0].startswith("`"))
    return {
        row[0].strip("`"): dict(zip(titles[1:-1], row[1:], strict=False)) for row in of_operators
    }


def text(results: Sequence[Results]) -> str:
    names = sorted({name for result in results for name in result.operators})
    titles = [result.combination.title for result in results]
    lines = [
        LEGEND,
        *_provenance(results),
        "",
        _row(["operator", *titles, "why not"]),
        _row(["---", *[":-:"] * len(results), "---"]),
        *_summary_rows(results),
    ]
    for name in names:
        cells = [_mark(result.operators.get(name)) for result in results]
        lines.append(_row([f"`{name}`", *cells, _reasons(name, results)]))
    return "\n".join(lines) + "\n"


def _provenance(results: Sequence[Results]) -> list[str]:
    """By which command, with what, and how much of it was run."""
    lines = ["Written by `make conformance`; don't edit. What was run:", ""]
    by_amount: dict[str, list[str]] = {}
    most = max((len(result.operators) for result in results), default=0)
    for result in results:
        amount = "all samples" if result.samples is None else f"the first {result.samples} samples"
        versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
        count = len(result.operators)
        which = "each operator" if count == most else f"{count} of the {most} operators"
        titles = by_amount.setdefault(f"{amount} of {which}, with {versions}", [])
        titles.append(result.combination.title)
    lines += [f"- {', '.join(titles)}: {amount}." for amount, titles in by_amount.items()]
    missing = [c.title for c in ALL if c not in {result.combination for result in results}]
    if missing:
        lines.append(f"- Not run yet: {', '.join(missing)}.")
    return lines


def _summary_rows(results: Sequence[Results]) -> list[str]:
    sums = [totals(result.operators) for result in results]
    operators = [f"**{_percent(total.operators)}**" for total in sums]
    samples = [f"**{_percent(total.samples)}**" for total in sums]
    return [
        _row(["**operators of which every sample passes**", *operators, ""]),
        _row(["**samples that pass**", *samples, ""]),
    ]


def _percent(part: tuple[int, int]) -> str:
    good, count = part
    # Rounded down: 100 % is all of them.
    return f"{1000 * good // max(count, 1) / 10:.1f} %"


def _mark(outcomes: Outcomes | None) -> str:
    if outcomes is None:
        return ""
    if not outcomes:
        return "–"
    if passes(outcomes):
        return "✓"
    counted = [o["step"] for o in outcomes if o["step"] != "excluded"]
    good = counted.count("ok")
    return f"{good}/{len(counted)}" if good else "✗"


def _reasons(name: str, results: Sequence[Results]) -> str:
    """Each reason once, with the columns it holds for."""
    columns: dict[str, list[str]] = {}
    for result in results:
        for outcome in result.operators.get(name, []):
            if outcome["step"] == "ok":
                continue
            reason = _reason(outcome)
            titles = columns.setdefault(reason, [])
            if result.combination.title not in titles:
                titles.append(result.combination.title)
    told = [
        f"{', '.join(titles)}: {reason}" for reason, titles in list(columns.items())[:MOST_REASONS]
    ]
    return "<br>".join(told) + (" …" if len(columns) > MOST_REASONS else "")


def _reason(outcome: dict[str, str]) -> str:
    step, reason = outcome["step"], outcome["reason"]
    if step == "excluded":
        return _escaped(reason)
    text = SAID.get(step, "{}" if step == "refused" else f"{step}: {{}}").format(reason)
    return _escaped(text if len(text) <= LONGEST_REASON else text[:LONGEST_REASON] + "…")


def _escaped(text: str) -> str:
    for sign in "|<*_":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("`", "")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    write()
