"""Every operator case at every opset of its list."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest
from runner import Case, check

from releases import needs
from torch_onnx.errors import ExportError

HERE = Path(__file__).parent
THEMES = sorted(m.name for m in pkgutil.iter_modules([str(HERE)]) if m.name.startswith("cases_"))


def _rows() -> list[object]:
    return [
        pytest.param(case, opset, id=f"{theme[6:]}-{case.name}-{opset}")
        for theme in THEMES
        for case in importlib.import_module(theme).CASES
        for opset in case.opsets
    ]


@pytest.mark.parametrize(("case", "opset"), _rows())
def test_operator(case: Case, opset: int) -> None:
    if case.release is not None:
        needs(*case.release)
    if opset < case.since:
        with pytest.raises(ExportError, match=str(case.since)):
            check(case, opset)
    else:
        check(case, opset)
