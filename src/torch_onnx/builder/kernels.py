"""Casts that schemas and ONNX Runtime's CPU kernels need, as one table.

A dtype that the operator does not take is widened, without loss where there is such a dtype,
and the result is brought back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.calling import OnnxSchema
from torch_onnx.builder.dtypes import TYPE_STRINGS
from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

# In the order tried. float64 → float32 loses digits: the last resort where there is no kernel.
WIDER: dict[torch.dtype, tuple[torch.dtype, ...]] = {
    torch.bool: (torch.uint8, torch.int32, torch.int64, torch.float32),
    torch.uint8: (torch.int32, torch.int64, torch.float32),
    torch.int8: (torch.int32, torch.int64, torch.float32),
    torch.int16: (torch.int32, torch.int64, torch.float32),
    torch.uint16: (torch.int32, torch.int64, torch.float32),
    torch.int32: (torch.int64, torch.float64),
    torch.uint32: (torch.int64, torch.float64),
    torch.int64: (torch.float64,),
    torch.float16: (torch.float32,),
    torch.bfloat16: (torch.float32,),
    torch.float64: (torch.float32,),
}

# What ONNX Runtime's CPU provider has kernels for, where that is less than the schema's types.
KERNELS: dict[str, str] = {
    "AffineGrid": "float16 float32 float64",
    "ArgMax": "float16 float32 float64 int8 int32 int64 uint8",
    "ArgMin": "float16 float32 float64 int8 int32 int64 uint8",
    "Attention": "float16 float32 float64 bool",
    "AveragePool": "float16 float32",
    "BatchNormalization": "float16 float32 float64",
    "Conv": "float16 float32",
    "ConvTranspose": "float16 float32",
    "CumProd": "float16 float32 float64 int32 int64",
    "CumSum": "float16 float32 float64 int32 int64",
    "DFT": "float32 float64",
    "DeformConv": "float16 float32 float64",
    "DepthToSpace": "float16 float32 float64 int8 uint8",
    "Dropout": "float16 float32 float64",
    "Einsum": "float16 float32 float64 int32 int64",
    "Expand": "float16 float32 float64 bool int8 int16 int32 int64 uint8 uint16 uint32 uint64",
    "GRU": "float16 float32",
    "Gemm": "float16 float32 float64",
    "GlobalAveragePool": "float16 float32",
    "GlobalMaxPool": "float16 float32",
    "GridSample": "float16 float32",
    "InstanceNormalization": "float16 float32",
    "IsNaN": "float16 float32 float64",
    "LSTM": "float16 float32",
    "LogSoftmax": "float16 float32 float64",
    "LpPool": "float16 float32",
    "MatMul": "float16 float32 float64 int32 int64 uint32 uint64",
    "MaxPool": "float16 float32 float64 int8 uint8",
    "MaxUnpool": "float16 float32",
    "Pad": "float16 float32 float64 bool int8 int32 int64 uint8 uint32 uint64",
    "RMSNormalization": "float16 float32 float64",
    "RNN": "float16 float32",
    "ReduceL1": "float16 float32 float64 int32 int64",
    "ReduceL2": "float16 float32 float64 int32 int64",
    "ReduceLogSum": "float16 float32 float64 int32 int64",
    "ReduceLogSumExp": "float16 float32 float64 int32 int64",
    "ReduceMax": "float16 float32 float64 bool int8 int32 int64 uint8",
    "ReduceMean": "float16 float32 float64 int32 int64",
    "ReduceMin": "float16 float32 float64 bool int8 int32 int64 uint8",
    "ReduceProd": "float16 float32 float64 int32 int64",
    "ReduceSum": "float16 float32 float64 int32 int64",
    "ReduceSumSquare": "float16 float32 float64 int32 int64",
    "Resize": "float16 float32 int8 int32 uint8",
    "RoiAlign": "float16 float32 float64",
    "Softmax": "float16 float32 float64",
    "STFT": "float32 float64 int32 int64",
    "SpaceToDepth": "float16 float32 float64 int8 uint8",
    "Tile": "float16 float32 float64 bool int8 int16 int32 int64 uint8 uint16 uint32 uint64",
    "TopK": "float16 float32 float64 int8 int16 int32 int64 uint8",
    "Trilu": "float16 float32 float64 bool int32 int64",
    "Unique": "float16 float32 float64 int8 int64",
    "Where": "float16 float32 float64 int8 int32 int64 uint8 uint32",
}


# Elementwise operators, which share their kernels' dtypes by the dozen.
_REAL = "float16 float32 float64"
_NUMBERS = f"{_REAL} int8 int16 int32 int64 uint8 uint16 uint32 uint64"
_SHARED = {
    "float16 float32": "Acos Acosh Asin Asinh Atan Atanh Cosh Elu Erf Gelu HardSigmoid HardSwish "
    "Hardmax LeakyRelu MeanVarianceNormalization Mish PRelu Selu Sinh Softplus Softsign Tan "
    "ThresholdedRelu",
    _REAL: "Ceil Cos Exp Floor Log Reciprocal Round Sigmoid Sin Sqrt Sum Swish Tanh",
    f"{_REAL} int8 int32": "Relu",
    f"{_REAL} int32 int64": "Pow",
    f"{_REAL} int8 int16 int32 int64": "Neg",
    f"{_REAL} int8 int32 int64 uint8 uint32 uint64": "Clip Max Min",
    _NUMBERS: "Abs Add Div Greater GreaterOrEqual Less LessOrEqual Mod Mul Sub",
    f"bool {_NUMBERS}": "Equal",
    "bool float16 float32 int32 int64 uint8": "NonZero",
}
KERNELS |= {name: dtypes for dtypes, names in _SHARED.items() for name in names.split()}


def _supported(schema: OnnxSchema, types: frozenset[str], dtype: torch.dtype) -> bool:
    if TYPE_STRINGS[dtype] not in types:
        return False
    if len(types) == 1:
        # Not the dtype that kernels are chosen by: Where's condition, sizes, axes.
        return True
    kernel = KERNELS.get(schema.name)
    return kernel is None or str(dtype).removeprefix("torch.") in kernel.split()


def _check_agreement(schema: OnnxSchema, inputs: Sequence[OnnxValue | None]) -> None:
    """Inputs of one type variable must be alike: a cast to another's dtype may lose the value."""
    found: dict[str, OnnxValue] = {}
    for index, x in enumerate(inputs):
        formal = schema.inputs[min(index, len(schema.inputs) - 1)]
        if x is None or x.is_sequence:
            continue
        first = found.setdefault(formal.type, x)
        if first.dtype != x.dtype:
            raise NotExpressible(
                f"ONNX's {schema.name} takes values of one dtype, not {first.dtype} and {x.dtype}"
            )


def casts(
    g: Builder, schema: OnnxSchema, inputs: Sequence[OnnxValue | None]
) -> tuple[list[OnnxValue | None], tuple[torch.dtype, torch.dtype] | None]:
    """Inputs in dtypes that the operator takes, and (was, now) to cast results back."""
    given = list(inputs)
    back = None
    done: dict[str, torch.dtype] = {}
    _check_agreement(schema, given)
    for index, x in enumerate(given):
        formal = schema.inputs[min(index, len(schema.inputs) - 1)]
        if x is None or x.is_sequence:
            continue
        if formal.type in done:
            given[index] = g.cast(x, done[formal.type])
            continue
        if _supported(schema, formal.types, x.dtype):
            continue
        if schema.name == "Cast":
            raise NotExpressible(f"ONNX knows {x.dtype} only later", since=13)
        wider = next(
            (w for w in WIDER.get(x.dtype, ()) if _supported(schema, formal.types, w)), None
        )
        if wider is None:
            raise NotExpressible(f"ONNX's {schema.name} does not take {x.dtype} at opset {g.opset}")
        done[formal.type] = wider
        if any(o.type == formal.type for o in schema.outputs):
            back = (x.dtype, wider)
        given[index] = g.cast(x, wider)
        for earlier in range(index):
            other, position = given[earlier], min(earlier, len(schema.inputs) - 1)
            if other is not None and schema.inputs[position].type == formal.type:
                given[earlier] = g.cast(other, wider)
    return given, back
