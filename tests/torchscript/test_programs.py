"""Every row of every theme: traced and scripted where both make sense, at rotating opsets."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

from releases import needs
from torch_onnx.errors import ExportError
from torchscript.runner import OPSETS, Case, check

HERE = Path(__file__).parent
THEMES = sorted(m.name for m in pkgutil.iter_modules([str(HERE)]) if m.name.startswith("cases_"))


def _rows() -> list[object]:
    rows = []
    for theme in THEMES:
        cases = importlib.import_module(f"torchscript.{theme}").CASES
        for turn, case in enumerate(cases):
            for strategy in case.strategies:
                for opset in {20, OPSETS[turn % len(OPSETS)]}:
                    name = f"{theme[6:]}-{case.name}-{strategy}-{opset}"
                    rows.append(pytest.param(case, strategy, opset, id=name))
    return rows


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("case", "strategy", "opset"), _rows())
def test_program(case: Case, strategy: str, opset: int) -> None:
    if case.release is not None:
        needs(*case.release)
    if opset < case.since:
        with pytest.raises(ExportError, match=f"possible from opset {case.since}"):
            check(case, strategy, opset)
    else:
        check(case, strategy, opset)
