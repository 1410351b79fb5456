"""The casts of ``torch.autocast`` regions, which a captured program leaves out.

A region's calls are recorded with the tensors they were called with and the dtype that came out.
"""

from __future__ import annotations

import torch

from torch_onnx.capture.binding import bind, operator_named
from torch_onnx.graph import Argument, Call, Operator, Output, Source, Value, values_of

HALF = (torch.float16, torch.bfloat16)

# A call with an argument like this chooses its dtype itself.
OWN_DTYPE = ("dtype", "other_dtype", "out_dtype")


def casts(
    op: Operator, args: dict[str, Argument], outputs: list[Output], region: torch.dtype, at: Source
) -> tuple[list[Call], dict[Value, Argument]]:
    """Casts that make a call's float tensors what autocast made them, and what they replace.

    Autocast runs some operators in its own dtype and others in float32, whatever they are given;
    which of these it did shows in the result. All other operators take tensors as they are.
    """
    made = next((v.dtype for output in outputs for v in values_of(output)), None)
    given = {v for a in args.values() for v in values_of(a) if v.kind == "tensor"}
    floats = [v for v in given if v.dtype is not None and v.dtype.is_floating_point]
    if any(args.get(name) is not None for name in OWN_DTYPE) or made is None:
        return [], {}
    lowered = made == region and all(v.dtype != region for v in floats)
    raised = made == torch.float32 and any(v.dtype in HALF for v in floats)
    mixed = made == region and any(v.dtype not in (region, torch.float64) for v in floats)
    if not (lowered or raised or mixed):
        return [], {}
    to = operator_named("aten::to.dtype")
    assert to is not None
    calls: list[Call] = []
    replaced: dict[Value, Argument] = {}
    for value in sorted(floats, key=lambda v: v.name):
        if value.dtype != made and value.dtype != torch.float64:
            cast = Value(f"{value.name}.autocast", made, value.shape, fake=_cast(value, made))
            calls.append(Call(to, bind(to, [value, made], {}), [cast], at))
            replaced[value] = cast
    return calls, replaced


def _cast(value: Value, dtype: torch.dtype) -> torch.Tensor | None:
    return None if value.fake is None else value.fake.to(dtype)
