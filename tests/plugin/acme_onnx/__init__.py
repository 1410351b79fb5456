"""A package of custom operators: PyTorch's side, and its translation to ONNX."""

import torch

import torch_onnx


@torch.library.custom_op("acme_plugin::swiglu", mutates_args=())
def swiglu(x: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    """``x · silu(gate)``, which a real package would compute in one kernel."""
    return x * torch.nn.functional.silu(gate)


@swiglu.register_fake
def _(x: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


table = torch_onnx.OpTable("acme")


@table("acme_plugin::swiglu")
def translate_swiglu(g, x, gate):
    return g.op("com.acme::SwiGlu", x, gate)
