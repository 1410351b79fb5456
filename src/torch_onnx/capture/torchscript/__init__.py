"""The TorchScript front end: traced and scripted programs."""

from torch_onnx.capture.torchscript.program import (
    arguments_of,
    from_script,
    is_script,
    leaves_of,
    script,
)
from torch_onnx.capture.torchscript.tracing import trace

__all__ = ["arguments_of", "from_script", "is_script", "leaves_of", "script", "trace"]
