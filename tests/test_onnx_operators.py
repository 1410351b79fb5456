"""Every operator of ONNX's default domain is used, or was looked at and left alone for a reason.

A new ONNX release with a new operator fails here with its name: so a new opset is taken up.
"""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import onnx.defs
import pytest

import torch_onnx

PACKAGE = Path(torch_onnx.__file__).parent
LIST = Path(__file__).with_name("onnx_operators.txt")

# Where operators also stand as strings: tables of names, and nodes made without the builder.
NAMED_BY_STRINGS = (
    *(PACKAGE / "ops").glob("*.py"),
    *(PACKAGE / "passes").glob("*.py"),
    PACKAGE / "operators.py",
    PACKAGE / "onnx_operators.py",
    PACKAGE / "builder" / "emit.py",
)


def listed() -> tuple[int, dict[str, str]]:
    """The opset up to which operators were looked at, and the unused ones with their reasons."""
    lines = [line for line in LIST.read_text("utf-8").splitlines() if line and line[0] != "#"]
    rows = dict(line.split(maxsplit=1) for line in lines)
    return int(rows.pop("opset")), rows


def used() -> set[str]:
    names: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        names.update(re.findall(r"\bg\.([A-Z]\w+)\(", path.read_text("utf-8")))
    for path in NAMED_BY_STRINGS:
        names.update(re.findall(r'"([A-Z]\w+)"', path.read_text("utf-8")))
    return names


def of_onnx() -> set[str]:
    return {schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain}


def test_new_operators_are_looked_at() -> None:
    unknown = sorted(of_onnx() - used() - listed()[1].keys())
    assert not unknown, f"onnx {onnx.__version__} has operators that nobody considered: {unknown}"


def test_changes_are_looked_at() -> None:
    """An operator that a new opset changed may say more, or other things, than before."""
    opset, _ = listed()
    changed = sorted(
        f"{schema.name} at {schema.since_version}"
        for schema in onnx.defs.get_all_schemas_with_history()
        if not schema.domain and schema.since_version > opset
    )
    assert not changed, f"onnx {onnx.__version__} changed operators: {changed}"


@pytest.mark.skipif(onnx.defs.onnx_opset_version() < listed()[0], reason="needs a newer onnx")
def test_the_list_is_up_to_date() -> None:
    rows = listed()[1]
    assert list(rows) == sorted(rows), "not sorted"
    assert not sorted(rows.keys() & used()), "used by now"
    assert not sorted(rows.keys() - of_onnx()), "no operators of ONNX"
