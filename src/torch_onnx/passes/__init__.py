"""Graph passes on onnx_ir, in the order that ``pipeline.py`` gives."""

from torch_onnx.passes.pipeline import tidy

__all__ = ["tidy"]
