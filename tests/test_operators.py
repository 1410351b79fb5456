"""torch_onnx.ops, and modules translated as a whole: one node each, which runs and trains."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

import torch_onnx
from torch_onnx import ops

EACH = pytest.mark.parametrize("strategy", ["record", "export", "trace"])
X = torch.randn(3, 4)
IMAGE = torch.randn(2, 8, 4, 6)
HEADS = torch.randn(2, 4, 5, 8)
KEYS = torch.randn(2, 2, 5, 8)
ANGLES = torch.randn(10, 4)


class Calls(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: torch.Tensor) -> Any:
        return self.function(*args)


def kinds(program: torch_onnx.ONNXProgram) -> list[str]:
    return [f"{n.domain}::{n.op_type}".removeprefix("::") for n in program.model.graph]


INT8 = torch.randint(-128, 127, (3, 4), dtype=torch.int8)
ZERO = torch.tensor([1, 2, 3], dtype=torch.int8)
SCALE = torch.tensor([0.1, 0.2, 0.3])
CASES: list[tuple[str, int, Any, tuple[torch.Tensor, ...]]] = [
    ("Hardmax", 20, lambda x: ops.hardmax(x, 0), (X,)),
    ("DepthToSpace", 20, lambda x: ops.depth_to_space(x, 2), (IMAGE,)),
    ("DepthToSpace", 20, lambda x: ops.depth_to_space(x, 2, "CRD"), (IMAGE,)),
    ("SpaceToDepth", 20, lambda x: ops.space_to_depth(x, 2), (IMAGE,)),
    ("MeanVarianceNormalization", 20, ops.mean_variance_normalization, (IMAGE,)),
    ("ThresholdedRelu", 20, lambda x: ops.thresholded_relu(x, 0.3), (X,)),
    ("Shrink", 20, lambda x: ops.shrink(x, 0.4, 0.1), (X,)),
    ("ReverseSequence", 20, ops.reverse_sequence, (X, torch.tensor([1, 3, 2, 1]))),
    (
        "ReverseSequence", 20, lambda x, n: ops.reverse_sequence(x, n, 1, 0),
        (HEADS[:, :, 0], torch.tensor([4, 2])),
    ),
    ("QuantizeLinear", 20, lambda x, s, z: ops.quantize_linear(x, s, z, 0), (X, SCALE, ZERO)),
    ("DequantizeLinear", 20, lambda x, s, z: ops.dequantize_linear(x, s, z, 0),
     (INT8, SCALE, ZERO)),
    ("DynamicQuantizeLinear", 20, ops.dynamic_quantize_linear, (X,)),
    ("MatMulInteger", 20, ops.matmul_integer,
     (INT8, INT8.t().contiguous(), torch.tensor(3, dtype=torch.int8))),
    ("RMSNormalization", 23, ops.rms_norm, (X, torch.randn(4))),
    ("RotaryEmbedding", 23, ops.rotary_embedding, (HEADS, ANGLES.cos(), ANGLES.sin(),
                                                   torch.tensor([[0, 1, 2, 3, 4]] * 2))),
    (
        "RotaryEmbedding", 23,
        lambda x, c, s: ops.rotary_embedding(x, c, s, interleaved=True, num_heads=2),
        (HEADS[:, 0].repeat(1, 1, 2), ANGLES[:5].cos().repeat(2, 1, 1),
         ANGLES[:5].sin().repeat(2, 1, 1)),
    ),
    ("Attention", 23, lambda q, k, v: ops.attention(q, k, v, is_causal=True), (HEADS, KEYS, KEYS)),
    (
        "Attention", 23,
        lambda q, k, v: ops.attention(q, k, v, scale=0.3, q_num_heads=4, kv_num_heads=2),
        (HEADS.transpose(1, 2).flatten(2), KEYS.transpose(1, 2).flatten(2),
         KEYS.transpose(1, 2).flatten(2)),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "opset", "function", "args"),
    CASES,
    ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)],
)
def test_one_node(operator: str, opset: int, function: Any, args: tuple[torch.Tensor, ...]) -> None:
    program = torch_onnx.export(
        Calls(function), args, opset_version=opset, verify=True, strategy="trace"
    )
    assert kinds(program) == [operator]
    if opset > 20:
        # An opset without the node has the eager meaning.
        older = torch_onnx.export(
            Calls(function), args, opset_version=20, verify=True, strategy="trace"
        )
        assert operator not in kinds(older)


def test_attention_after_a_past() -> None:
    past = torch.randn(2, 2, 3, 8)

    def attend(q: Any, k: Any, v: Any, pk: Any, pv: Any) -> Any:
        return ops.attention(q, k, v, None, pk, pv, is_causal=True)

    for opset in (20, 23):
        program = torch_onnx.export(
            Calls(attend), (HEADS, KEYS, KEYS, past, past), opset_version=opset, verify=True
        )
    assert kinds(program)[-1] == "Attention"


@EACH
def test_a_node_of_the_users(strategy: str) -> None:
    class Rotates(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> Any:
            x = self.linear(x)
            a = ops.symbolic(
                "acme::Rotate", (x, None, x[:1]), {"angle": 3.0, "table": torch.ones(2)},
                dtype=torch.float64, shape=(x.shape[0], 4), version=2,
            )  # fmt: skip
            b, c = ops.symbolic_multi_out(
                "acme::Split", [a], {"axis": 1}, eager=lambda a, axis: a.chunk(2, axis)
            )
            return b, c

    program = torch_onnx.export(
        Rotates(), (X,), dynamic_shapes={"x": {0: "rows"}}, strategy=strategy
    )
    assert kinds(program)[-2:] == ["acme::Rotate", "acme::Split"]
    proto = program.model_proto
    assert {o.domain: o.version for o in proto.opset_import}["acme"] == 2
    assert list(proto.graph.node[-2].input)[1] == ""
    outputs = [output.type.tensor_type for output in proto.graph.output]
    assert [output.elem_type for output in outputs] == [11, 11]
    # A traced size is a number of the run.
    wanted = r"u\d" if strategy == "trace" else "rows"
    assert re.fullmatch(wanted, outputs[0].shape.dim[0].dim_param)
    attributes = {a.name: a for a in proto.graph.node[-2].attribute}
    assert list(attributes["table"].t.dims) == [2]
    with pytest.raises(ValueError, match="acme::Rotate needs eager=, or a dtype and a shape"):
        ops.symbolic("acme::Rotate", [X], dtype=torch.float32)
    assert torch.equal(ops.symbolic("a::B", [X], dtype=1, shape=[2]), torch.zeros(2))


def test_no_zeros_are_captured_by_others() -> None:
    def rotated(x: torch.Tensor) -> torch.Tensor:
        return ops.symbolic("acme::Rotate", [x], dtype=x.dtype, shape=x.shape)

    with pytest.raises(Exception, match="would be captured as zeros"):
        torch.export.export(Calls(rotated), (X,), strict=False)


def test_operators_train() -> None:
    x = X.clone().requires_grad_()
    (ops.rms_norm(x, torch.ones(4)) * X).sum().backward()
    assert x.grad is not None
    torch_onnx.export(Calls(ops.rms_norm), (X, torch.ones(4)), opset_version=23)
    assert ops.rms_norm(x, torch.ones(4)).requires_grad


# Modules.


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(4))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))
        self.parts = nn.ModuleList([Inner()])
        self.heads = 2

    def forward(self, x: torch.Tensor, *, scale: float = 1.0, mask: Any = None) -> Any:
        y = x @ self.weight * scale + self.parts[0].bias
        return y, {"rows": y.sum(0) + (0 if mask is None else mask)}


class Uses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()

    def forward(self, x: torch.Tensor) -> Any:
        y, more = self.attention(x + 1, scale=2.0, mask=x[0])
        return y * 2, more["rows"]


@pytest.fixture
def replaced() -> Iterator[None]:
    @torch_onnx.module(Attention)
    def attention(g: Any, module: Any, x: Any, *, scale: float = 1.0, mask: Any = None) -> Any:
        assert module.heads == 2
        return g.op("acme::Attention", x, module.weight, module.parts[0].bias, mask, scale=scale,
                    outputs=2)  # fmt: skip

    yield
    torch_onnx.remove_module(Attention)


@EACH
@pytest.mark.usefixtures("replaced")
def test_a_module_is_one_operator(strategy: str) -> None:
    model = Uses()
    program = torch_onnx.export(model, (X,), dynamic_shapes={"x": {0: "n"}}, strategy=strategy)
    assert kinds(program)[-2:] == ["acme::Attention", "Mul"]
    node = next(n for n in program.model.graph if n.domain == "acme")
    names = [value.name for value in node.inputs if value is not None]
    assert names[1:3] == ["attention.weight", "attention.parts.0.bias"]
    assert node.name.startswith("/attention/")

    def run(x: Any, w: Any, b: Any, mask: Any, scale: float) -> Any:
        y = x @ w * scale + b
        return y, y.sum(0) + mask

    program.reference_ops = {"acme::Attention": run}
    assert not program.verify(torch.randn(5, 4)).mismatches
    assert "forward" not in vars(model.attention)
    torch_onnx.remove_module(Attention)
    assert "acme::Attention" not in kinds(torch_onnx.export(model, (X,), strategy=strategy))
    with pytest.raises(KeyError, match="no translation of the module Attention is registered"):
        torch_onnx.remove_module(Attention)
    torch_onnx.module(Attention)(lambda g, module, x: x)
