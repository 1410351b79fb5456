"""What models write out in many nodes, and the one node that says it."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

import torch_onnx


class RMSNorm(torch.nn.Module):
    """As language models write it: in float32, whatever comes in."""

    def __init__(self, dim: int = -1, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.rand(8, dtype=dtype))
        self.dim = dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = x.to(torch.float32)
        variance = wide.pow(2).mean(self.dim, keepdim=True)
        return self.weight * (wide * torch.rsqrt(variance + 1e-6)).to(x.dtype)


class Rotary(torch.nn.Module):
    def __init__(self, twice: bool = True) -> None:
        super().__init__()
        self.register_buffer("frequency", torch.rand(4))
        self.twice = twice

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = torch.arange(x.shape[2], device=x.device)[None, :, None].float()
        angles = places * self.frequency
        both = torch.cat([angles, angles if self.twice else angles * 2], -1)
        cos, sin = (both.cos() * 1.5)[:, None], (both.sin() * 1.5)[:, None]
        turned = torch.cat([-x[..., 4:], x[..., :4]], -1)
        return x * cos + turned * sin


class GroupedQueries(torch.nn.Module):
    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        k, v = (
            x[:, :, None].expand(x.shape[0], 2, 3, x.shape[2], 8).reshape(x.shape[0], 6, -1, 8)
            for x in (k, v)
        )
        return torch.nn.functional.scaled_dot_product_attention(q, k, v)


def operators(model: torch.nn.Module, *calls: tuple[torch.Tensor, ...], opset: int) -> Counter[str]:
    dynamic = tuple({0: "batch", 2: "sequence"} for _ in calls[0])
    if calls[0][0].dim() == 3:
        dynamic = ({0: "batch", 1: "sequence"},)
    program = torch_onnx.export(model, calls[0], dynamic_shapes=dynamic, opset_version=opset)
    for call in calls:
        assert not program.verify(*call).mismatches
    return Counter(node.op_type for node in program.model.graph)


@pytest.mark.parametrize("opset", [23, 28])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_rms_norm(opset: int, dtype: torch.dtype) -> None:
    calls = [(torch.randn(shape).to(dtype),) for shape in ((2, 3, 8), (1, 5, 8))]
    found = operators(RMSNorm(dtype=dtype).eval(), *calls, opset=opset)
    assert found == {"RMSNormalization": 1}


def test_what_is_no_rms_norm_stays() -> None:
    x = torch.randn(2, 3, 8)
    assert "RMSNormalization" not in operators(RMSNorm(dim=1), (x,), opset=23)
    assert "RMSNormalization" not in operators(RMSNorm(), (x,), (torch.randn(4, 1, 8),), opset=22)


@pytest.mark.parametrize("opset", [23, 28])
def test_rotary(opset: int) -> None:
    found = operators(Rotary(), (torch.randn(2, 3, 5, 8),), (torch.randn(3, 3, 2, 8),), opset=opset)
    assert found["RotaryEmbedding"] == 1
    assert not found.keys() & {"Neg", "Slice", "Add"}


def test_what_is_no_rotary_stays() -> None:
    x = torch.randn(2, 3, 5, 8)
    assert "RotaryEmbedding" not in operators(Rotary(twice=False), (x,), opset=23)
    assert "RotaryEmbedding" not in operators(Rotary(), (x,), opset=22)


@pytest.mark.parametrize("opset", [20, 23])
def test_repeated_keys_and_values_are_shared(opset: int) -> None:
    def call(batch: int, sequence: int) -> tuple[torch.Tensor, ...]:
        return tuple(torch.randn(batch, heads, sequence, 8) for heads in (6, 2, 2))

    found = operators(GroupedQueries(), call(2, 5), call(3, 4), opset=opset)
    assert "Expand" not in found
    if opset == 23:
        assert found == {"Attention": 1}
