"""Fold a batch normalisation into the convolution before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import onnx_ir as ir
import torch

from torch_onnx.builder.dtypes import FROM_ONNX
from torch_onnx.weights import ComputedWeight, Weight


@dataclass(frozen=True)
class FoldBatchNorm:
    """``Conv → BatchNormalization`` becomes one Conv with other weights.

    1. The Conv's result is read by the BatchNormalization alone, and is no graph output.
    2. All of their weights are parameters of the program, and the Conv's are read by it alone.
    3. The new weights keep the Conv's names; they are computed while the file is written, in
       float64: ``w·s`` and ``(b − mean)·s + bias`` with ``s = scale / √(var + ε)``.
    """

    name: ClassVar[str] = "fold-batch-norm"

    def __call__(self, model: ir.Model) -> ir.Model:
        graph = model.graph
        for node in list(graph):
            if node.op_type == "BatchNormalization" and not node.domain:
                _fold(graph, node)
        return model


def _fold(graph: ir.Graph, normalization: ir.Node) -> None:
    source = normalization.inputs[0]
    convolution = source.producer() if source is not None else None
    if convolution is None or convolution.op_type != "Conv" or convolution.domain:
        return
    (result,) = convolution.outputs
    if result.is_graph_output() or len(list(result.uses())) != 1:
        return
    kernel, *rest = convolution.inputs[1:]
    old_bias = rest[0] if rest else None
    scale, bias, mean, var = normalization.inputs[1:5]
    parts = {"weight": kernel, "scale": scale, "shift": bias, "mean": mean, "var": var}
    if old_bias is not None:
        parts["bias"] = old_bias
    weights: dict[str, Weight] = {}
    for role, value in parts.items():
        weight = None if value is None else value.const_value
        if not isinstance(weight, Weight) or weight.transpose:
            return
        weights[role] = weight
    assert kernel is not None
    if any(len(list(v.uses())) != 1 for v in (kernel, old_bias) if v is not None):
        return
    attribute = normalization.attributes.get("epsilon")
    epsilon = attribute.as_float() if attribute is not None else 1e-5
    keys = {role: weight.key for role, weight in weights.items()}
    tensors = {role: weight.tensor for role, weight in weights.items()}
    dtype = FROM_ONNX[weights["weight"].dtype]
    sizes = tuple(tensors["weight"].shape)

    def new_weight(**given: torch.Tensor) -> torch.Tensor:
        factor = _factor(given, epsilon).reshape(-1, *[1] * (given["weight"].dim() - 1))
        return (given["weight"].double() * factor).to(dtype)

    def new_bias(**given: torch.Tensor) -> torch.Tensor:
        before = given["bias"].double() if "bias" in given else 0.0
        centred = before - given["mean"].double()
        return (centred * _factor(given, epsilon) + given["shift"].double()).to(dtype)

    assert kernel.name is not None
    kernel.const_value = ComputedWeight(kernel.name, keys, tensors, new_weight, dtype, sizes)
    if old_bias is None:
        name = _bias_name(graph, kernel.name)
        old_bias = ir.Value(name=name, shape=ir.Shape(sizes[:1]), type=kernel.type)
        graph.register_initializer(_with_data(old_bias, keys, tensors, new_bias, dtype, sizes[:1]))
        convolution.resize_inputs(3)
        convolution.replace_input_with(2, old_bias)
    else:
        _with_data(old_bias, keys, tensors, new_bias, dtype, sizes[:1])
    final = normalization.outputs[0]
    result.name, result.shape = final.name, final.shape
    is_output = final.is_graph_output()
    final.replace_all_uses_with(result, replace_graph_outputs=is_output)
    graph.remove(normalization, safe=True)


def _factor(given: dict[str, torch.Tensor], epsilon: float) -> torch.Tensor:
    return given["scale"].double() / torch.sqrt(given["var"].double() + epsilon)


def _with_data(
    value: ir.Value,
    keys: dict[str, str],
    tensors: dict[str, torch.Tensor],
    compute: object,
    dtype: torch.dtype,
    sizes: tuple[int, ...],
) -> ir.Value:
    assert value.name is not None
    assert callable(compute)
    value.const_value = ComputedWeight(value.name, keys, tensors, compute, dtype, sizes)
    return value


def _bias_name(graph: ir.Graph, weight: str) -> str:
    """``conv1.bias`` for ``conv1.weight``, if nothing else is called so."""
    base = weight.removesuffix("weight") + "bias"
    taken = set(graph.initializers) | {value.name for value in graph.inputs}
    name, count = base, 0
    while name in taken:
        count += 1
        name = f"{base}_{count}"
    return name
