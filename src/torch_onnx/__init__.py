"""PyTorch programs to ONNX models, without torch.onnx and without onnxscript."""

from torch_onnx import errors, ops, profile
from torch_onnx.annotations import annotate, as_output
from torch_onnx.custom import op, remove_op, translations
from torch_onnx.explain import Explanation, explain
from torch_onnx.exporter import export
from torch_onnx.legacy import register_custom_op_symbolic, unregister_custom_op_symbolic
from torch_onnx.modules import module, remove_module
from torch_onnx.ops.table import OpTable
from torch_onnx.program import ONNXProgram
from torch_onnx.stripping import fill_stripped_tensors, load_model, strip_large_tensors
from torch_onnx.testcase import export_testcase
from torch_onnx.version import __version__ as __version__

__all__ = [
    "Explanation",
    "ONNXProgram",
    "OpTable",
    "annotate",
    "as_output",
    "errors",
    "explain",
    "export",
    "export_testcase",
    "fill_stripped_tensors",
    "load_model",
    "module",
    "op",
    "ops",
    "profile",
    "register_custom_op_symbolic",
    "remove_module",
    "remove_op",
    "strip_large_tensors",
    "translations",
    "unregister_custom_op_symbolic",
]
