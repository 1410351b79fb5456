"""Every built-in translation against the schema of every operator it is registered for."""

from __future__ import annotations

import contextlib
import inspect

import pytest

from releases import lacks, needs
from torch_onnx.capture.binding import operator_named
from torch_onnx.capture.dialect import NUMBERS
from torch_onnx.fitting import GIVEN, MAY_BE_OMITTED
from torch_onnx.ops import builtin_tables
from torch_onnx.ops.table import SPELLED, Row

with contextlib.suppress(ImportError):
    # Registers quantized_decomposed, which torchao does elsewhere.
    import torch.ao.quantization.fx._decomposed  # noqa: F401

# Operators of libraries and of modules that need not be imported, and of our own.
ELSEWHERE = ("torchvision::", "transformers::", "torch_nn::", "python::")

CONTROL_FLOW = {
    *("python::if", "python::loop", "python::scan", "python::function", "python::optional")
}

# The PyTorch that operators came with which 2.6 does not have.
CAME = {
    **dict.fromkeys(
        (
            *("aten::_grouped_mm", "aten::randint_like.Tensor"),
            *("aten::addmm.dtype", "aten::baddbmm.dtype", "aten::bmm.dtype", "aten::mm.dtype"),
        ),
        "2.8",
    ),
    "aten::hash_tensor": "2.9",
    "aten::_fused_rms_norm": "2.9",  # with the number of axes in 2.8
    **dict.fromkeys(
        (
            *("aten::rand_like.generator", "aten::randn_like.generator"),
            *("aten::randint_like.generator", "aten::randint_like.low_generator_dtype"),
            "aten::randint_like.Tensor_generator",
        ),
        "2.10",
    ),
    **dict.fromkeys(("aten::linalg_matrix_sqrth", "aten::linalg_polar"), "2.14"),
}

# What newer releases of PyTorch no longer have, for models that were captured with older ones.
GONE = {"aten::cholesky": "2.14"}

ROWS = [
    pytest.param(row, id=f"{table.name}-{row.name}-{row.since}")
    for table in builtin_tables()
    for rows in table.rows.values()
    for row in rows
]


@pytest.mark.parametrize("row", ROWS)
def test_arguments_are_the_schemas(row: Row) -> None:
    if row.name.startswith(ELSEWHERE):
        numbers = {name for name, _ in NUMBERS.values()} | CONTROL_FLOW
        own = numbers | {
            name for table in builtin_tables() for name in table.rows if "::list_" in name
        }
        assert row.name in own or not row.name.startswith("python::")
        return
    operator = operator_named(row.name)
    if operator is None and not lacks(GONE.get(row.name, "9.0")):
        return
    if row.name in CAME:
        needs(CAME[row.name], f"no {row.name} before")
    assert operator is not None, "PyTorch has no such operator"
    arguments = {argument.name: argument for argument in operator.arguments}
    # Overloads share functions: what one of them lacks has a default there.
    spelled = {new: old for old, new in SPELLED.items()}
    needed = {
        spelled.get(name, name)
        for name, parameter in list(inspect.signature(row.fn).parameters.items())[1:]
        if parameter.default is inspect.Parameter.empty
    }
    assert needed - GIVEN <= arguments.keys()
    # What is not taken has a default that the call must have, or means nothing to ONNX.
    missing = arguments.keys() - row.accepts - MAY_BE_OMITTED
    assert all(arguments[name].has_default for name in missing), missing
    assert set(row.promote) <= row.accepts
