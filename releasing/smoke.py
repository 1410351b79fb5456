"""Run by ``releasing.check`` in a fresh environment: the installed package exports a model."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import torch

import torch_onnx

installed = importlib.metadata.version("torch-onnx-exporter")
assert Path(torch_onnx.__file__).is_relative_to(sys.prefix), torch_onnx.__file__
assert torch_onnx.__version__ == installed, (torch_onnx.__version__, installed)

model = torch.nn.Sequential(
    torch.nn.Linear(8, 16), torch.nn.GELU(), torch.nn.LayerNorm(16), torch.nn.Linear(16, 4)
)
program = torch_onnx.export(
    model.eval(), (torch.randn(2, 8),), "smoke.onnx", dynamic_shapes=({0: "batch"},), verify=True
)
program.verify(torch.randn(5, 8))
print(f"torch_onnx {installed} exports with PyTorch {torch.__version__}")
