"""The benchmarks' history as a page."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import history


def run(date: str, seconds: float | None) -> dict[str, object]:
    row: dict[str, object] = {"model": "bert", "exporter": "torch_onnx", "nodes": 90}
    if seconds is not None:
        row["export_s"] = seconds
    return {"date": date, "commit": "abc<1>", "size": "full", "rows": [row]}


def test_history_draws_every_figure_of_every_run() -> None:
    page = history.page([run("2026-01-01", 1.0), run("2026-01-02", 0.5), run("2026-01-03", None)])
    charts = re.findall(r"<svg.*?</svg>", page)
    assert len(charts) == 2  # export seconds and nodes; nothing is known of the others
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', charts[0])]
    assert heights[0] < heights[1]  # more seconds, drawn higher
    assert charts[1].count("<circle") == 3
    assert "abc&lt;1&gt;" in page
    assert "://" not in page


def test_history_says_when_there_is_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(history, "OUTPUT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["history"])
    assert history.main() == 1
    assert "make bench" in capsys.readouterr().out
