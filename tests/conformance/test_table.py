"""Results are kept line by line, and become the table of docs/operators.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance import run, table
from conformance.combinations import ALL, FIRST, Combination, begin, keep, read_all

OK = {"step": "ok", "reason": ""}
OLD = Combination(opset=11)


def outcome(step: str, reason: str = "") -> dict[str, str]:
    return {"step": step, "reason": reason}


def rows(page: str) -> dict[str, list[str]]:
    """The cells after each operator's name; a column each, and the reasons."""
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    cells = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]
    return {name: rest for name, *rest in cells}


def test_marks_and_reasons(tmp_path: Path) -> None:
    begin(tmp_path, FIRST, None)
    keep(tmp_path, FIRST, "abs", [OK, OK])
    keep(tmp_path, FIRST, "fold", [OK, outcome("values", "3 | 4 differ"), OK])
    keep(tmp_path, FIRST, "gcd", [])
    keep(tmp_path, FIRST, "to_sparse", [outcome("excluded", "Sparse.")])
    begin(tmp_path, OLD, 3)
    keep(tmp_path, OLD, "abs", [OK])
    keep(tmp_path, OLD, "fold", [outcome("refused", "Needs opset 13.")])
    page = table.text(read_all(tmp_path))
    assert rows(page) == {
        "`abs`": ["✓", "✓", ""],
        "`fold`": ["✗", "2/3", r"11: Needs opset 13.<br>20: other values: 3 \| 4 differ"],
        "`gcd`": ["", "–", ""],
        "`to_sparse`": ["", "✗", "20: Sparse."],
    }
    assert "- 20: all samples of each operator" in page
    assert "- 11: the first 3 samples of 2 of the 4 operators" in page
    assert "**33.3 %**" in page


def test_a_later_run_replaces_an_earlier_one(tmp_path: Path) -> None:
    begin(tmp_path, FIRST, None)
    keep(tmp_path, FIRST, "abs", [outcome("crash")])
    keep(tmp_path, FIRST, "abs", [OK])
    (results,) = read_all(tmp_path)
    assert results.operators == {"abs": [OK]}


def test_operators_named_begin_a_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["run.py", "abs", "--update", "--jobs", "1", "--samples", "1"]
    monkeypatch.setattr("sys.argv", [*command, "--results", str(tmp_path)])
    assert run.main() == 0
    (results,) = read_all(tmp_path)
    assert results.operators == {"abs": [OK]}
    assert results.samples == 1
    page = (tmp_path / "operators.md").read_text(encoding="utf-8")
    assert rows(page) == {"`abs`": ["✓", ""]}


def test_columns_have_titles_of_their_own() -> None:
    assert len({combination.title for combination in ALL}) == len(ALL)
    assert Combination(11, "int64", dynamic=True).title == "11 int64 dynamic"
