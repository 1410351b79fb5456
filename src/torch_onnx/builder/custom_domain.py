"""Nodes of custom domains, which have no schema: what is given is what is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import onnx_ir as ir
import torch

from torch_onnx.builder.dtypes import TO_ONNX
from torch_onnx.builder.tensors import tensor_data
from torch_onnx.builder.values import KnownSize, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.graph import Dim, Output, Value

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

ResultType: TypeAlias = tuple[torch.dtype, "tuple[KnownSize, ...] | None", bool]
"""Dtype, shape, and whether they are a guess."""


def node(
    g: Builder,
    domain: str,
    operator: str,
    inputs: Sequence[Any],
    attributes: Mapping[str, Any],
    types: Sequence[ResultType],
    version: int = 1,
) -> Any:
    """One node of a custom domain: its result, or a tuple where ``types`` has several.

    Args:
        inputs: values, numbers and tensors (which become constants), None for an optional input
            that is left out; a list is a vector of numbers, which may be known at run time only.
        attributes: floats, integers (booleans too), strings, dtypes, tensors, graphs (see
            ``Builder.subgraph``), or lists of one of these. An empty list holds integers: give an
            ``onnx_ir.Attr`` for another one.
        types: of each result.
        version: the domain's, where ``custom_opsets=`` does not tell.
    """
    given = [_input(g, value) for value in inputs]
    while given and given[-1] is None:
        given.pop()
    made = {name: attribute(name, value) for name, value in attributes.items() if value is not None}
    g.use_domain(domain, version)
    plain = [(dtype, shape) for dtype, shape, _ in types]
    results = g.raw_node(domain, operator, given, made, plain)
    for result, (_, _, assumed) in zip(results, types, strict=True):
        result.is_assumed = assumed
    return results[0] if len(results) == 1 else results


def result_types(
    g: Builder,
    inputs: Sequence[Any],
    outputs: int,
    dtype: torch.dtype | Sequence[torch.dtype] | None,
    shape: Sequence[Any] | None,
    like: OnnxValue | None,
) -> list[ResultType]:
    """The types of a node's results: as told, else those of the call under translation.

    A shape is a sequence of sizes; for several outputs ``dtype`` and ``shape`` are lists of these.
    What nobody tells is guessed, and becomes certain when the result is one of the call's.
    """
    expected = list(_values(g.expected))
    fits = len(expected) == outputs
    first = next((i for i in inputs if isinstance(i, OnnxValue)), None)
    types: list[ResultType] = []
    for index in range(outputs):
        told = dtype[index] if isinstance(dtype, (list, tuple)) else dtype
        sizes = None if shape is None else shape[index] if outputs > 1 else shape
        if like is not None:
            types.append((like.dtype, like.shape, False))
        elif told is not None:
            types.append((told, _sizes(sizes), False))  # type: ignore[arg-type]
        elif fits and expected[index] is not None:
            value = expected[index]
            assert value is not None
            types.append((value.dtype or torch.float32, None, True))
        else:
            types.append((torch.float32 if first is None else first.dtype, None, True))
    return types


def attribute(name: str, value: Any) -> ir.Attr:
    """A Python value as an attribute.

    Raises:
        TypeError: for a value that ONNX has no attribute type for.
    """
    if isinstance(value, ir.Attr):
        return value
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    single = _single(name, value)
    if single is not None:
        return single
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name}={value!r}: ONNX has no attribute of type {type(value).__name__}")
    items: list[Any] = [int(TO_ONNX[i]) if isinstance(i, torch.dtype) else i for i in value]
    if all(isinstance(i, int) for i in items):
        return ir.AttrInt64s(name, [int(i) for i in items])
    if all(isinstance(i, (int, float)) for i in items):
        return ir.AttrFloat32s(name, [float(i) for i in items])
    if all(isinstance(i, str) for i in items):
        return ir.AttrStrings(name, items)
    if all(isinstance(i, torch.Tensor) for i in items):
        return ir.AttrTensors(name, [tensor_data(i) for i in items])
    if all(isinstance(i, ir.Graph) for i in items):
        return ir.AttrGraphs(name, items)
    kinds = ", ".join(sorted({type(i).__name__ for i in items}))
    raise TypeError(f"{name}={value!r}: ONNX has no list of {kinds}")


def _single(name: str, value: Any) -> ir.Attr | None:
    if isinstance(value, OnnxValue):
        known = value.constant if value.parameter is None else value.parameter
        if known is None:
            raise NotExpressible(f"the attribute {name} must be known when the model is exported")
        return ir.AttrTensor(name, tensor_data(known.detach().cpu()))
    if isinstance(value, torch.Tensor):
        return ir.AttrTensor(name, tensor_data(value))
    if isinstance(value, torch.dtype):
        return ir.AttrInt64(name, int(TO_ONNX[value]))
    if isinstance(value, (bool, int)):
        return ir.AttrInt64(name, int(value))
    if isinstance(value, float):
        return ir.AttrFloat32(name, value)
    if isinstance(value, bytes):
        return ir.AttrString(name, value.decode())
    if isinstance(value, str):
        return ir.AttrString(name, value)
    if isinstance(value, ir.Graph):
        return ir.AttrGraph(name, value)
    if isinstance(value, ir.TypeProtocol):
        return ir.AttrTypeProto(name, ir.TypeAndShape(value, None))
    return None


def _input(g: Builder, value: Any) -> OnnxValue | None:
    if isinstance(value, OnnxValue):
        return g.scalar(value) if value.is_number else value
    if value is None:
        return None
    if isinstance(value, (list, tuple)) and any(isinstance(i, (OnnxValue, Dim)) for i in value):
        return g.vector(value)
    return g.constant(value)


def _values(outputs: Sequence[Output]) -> Iterable[Value | None]:
    for output in outputs:
        if isinstance(output, list):
            yield from output
        else:
            yield output


def _sizes(sizes: Sequence[Any] | None) -> tuple[KnownSize, ...] | None:
    if sizes is None:
        return None
    return tuple(size.expression if isinstance(size, OnnxValue) else size for size in sizes)
