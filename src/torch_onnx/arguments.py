"""The arguments of ``torch.onnx.export``, of PyTorch 1.13 to 2.15: honoured, or answered.

An argument that can mean nothing here gets a warning that says what to use. None is ignored in
silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch_onnx import older_calls
from torch_onnx.errors import UnknownOpset
from torch_onnx.ops.table import DEFAULT_OPSET, HIGHEST_OPSET, LOWEST_OPSET

_UNSET: Any = object()

STRATEGIES = ("auto", "record", "export", "trace", "script")

# Arguments that this exporter has no use for: the value that asks for nothing, and what to use.
ANSWERED: dict[str, tuple[Any, str]] = {
    "dynamo": (_UNSET, "strategy= chooses how the program is captured"),
    "fallback": (False, "nothing falls back silently; use strategy="),
    "autograd_inlining": (True, "a Function with a symbolic is one call, others are inlined"),
    "do_constant_folding": (
        True,
        "small constants are always folded, weights never; optimize=False turns the passes off",
    ),
    "dump_exported_program": (False, "save program.exported_program with torch.export.save"),
    "artifacts_dir": (".", "no artifacts are written; use report= or program.profile"),
    "example_outputs": (None, "outputs are taken from the capture"),
    "use_external_data_format": (False, "use external_data="),
    "strip_doc_string": (True, "use metadata= to write source lines or leave them out"),
    "export_raw_ir": (False, "look at program.exported_program, or at torch.jit.trace's graph"),
    "aten": (False, "use operator_export_type="),
    "_retain_param_name": (True, "weights always keep their names"),
    "input_observer": (None, "give dynamic_shapes="),
}


def check_opset(opset: object) -> int:
    """The opset asked for, or the default.

    Raises:
        UnknownOpset: outside 11 to 28.
    """
    if opset is None:
        return DEFAULT_OPSET
    if isinstance(opset, bool) or not isinstance(opset, int):
        raise UnknownOpset(opset, LOWEST_OPSET, HIGHEST_OPSET)
    if not LOWEST_OPSET <= opset <= HIGHEST_OPSET:
        raise UnknownOpset(opset, LOWEST_OPSET, HIGHEST_OPSET)
    return opset


def answer(legacy: Mapping[str, Any]) -> None:
    """Warn about each argument that asks for something that is done another way here.

    Raises:
        TypeError: for an argument that no torch.onnx.export has had.
    """
    for name, value in legacy.items():
        if name == "export_modules_as_functions":
            continue
        known = ANSWERED.get(name)
        if known is None:
            raise TypeError(f"export() got an unexpected keyword argument {name!r}")
        nothing, advice = known
        if nothing is not _UNSET and (value is None or value == nothing):
            continue
        older_calls.warn(f"{name}={value!r} has no effect: {advice}.")


def functions(given: Any, legacy: Mapping[str, Any]) -> Any:
    """``functions=``, or torch.onnx's ``export_modules_as_functions=``: True, or classes."""
    return legacy.get("export_modules_as_functions") if given is None else given
