"""Calls as they were written for ``torch.onnx.export`` since PyTorch 1.13, in today's arguments."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any, ParamSpec, TypeVar, cast

from torch_onnx.errors import ExportError

P = ParamSpec("P")
R = TypeVar("R")

# In the order that they had by position up to PyTorch 2.4.
POSITIONS = (
    "model",
    "args",
    "f",
    "export_params",
    "verbose",
    "training",
    "input_names",
    "output_names",
    "operator_export_type",
    "opset_version",
    "do_constant_folding",
    "dynamic_axes",
    "keep_initializers_as_inputs",
    "custom_opsets",
    "export_modules_as_functions",
    "autograd_inlining",
)

# torch.onnx's enumerations, by their numbers.
TRAINING_MODES = ("EVAL", "PRESERVE", "TRAINING")
OPERATOR_EXPORT_TYPES = ("ONNX", "ONNX_ATEN", "ONNX_ATEN_FALLBACK", "ONNX_FALLTHROUGH")


def accepts_older_calls(function: Callable[P, R]) -> Callable[P, R]:
    """``export`` that takes further arguments by position, and those that have other names now.

    Raises:
        TypeError: for too many positions, or an argument given twice.
    """

    @functools.wraps(function)
    def call(*positional: Any, **named: Any) -> R:
        if len(positional) > len(POSITIONS):
            raise TypeError(
                f"export() takes at most {len(POSITIONS)} arguments by position, "
                f"{len(positional)} were given"
            )
        for name, value in zip(POSITIONS, positional, strict=False):
            if name in named:
                raise TypeError(f"export() got multiple values for argument {name!r}")
            named[name] = value
        return cast(Any, function)(**today(named))

    return cast("Callable[P, R]", call)


def today(named: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that say the same now. What has no other name is left as it is."""
    arguments = dict(named)
    if arguments.get("use_external_data_format"):
        arguments.setdefault("external_data", True)
        del arguments["use_external_data_format"]
    if arguments.get("aten"):
        arguments.setdefault("operator_export_type", "ONNX_ATEN")
        del arguments["aten"]
    if "dynamo" in arguments and "strategy" not in arguments:
        # True is what ``auto`` begins with; False was TorchScript, which traces modules.
        dynamo = arguments.pop("dynamo")
        if dynamo is False:
            arguments["strategy"] = "trace"
    return arguments


def _name_in(names: tuple[str, ...], given: Any) -> str:
    """The name of a member of an enumeration, given as such, as a number or by name."""
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(names):
        return names[given]
    return str(getattr(given, "name", given)).upper()


def training_mode(training: Any) -> str:
    """``eval``, ``train`` or ``preserve``, from the name or torch.onnx's TrainingMode.

    Raises:
        ExportError: for anything else.
    """
    if training is None:
        return "eval"
    named = {"EVAL": "eval", "TRAINING": "train", "TRAIN": "train", "PRESERVE": "preserve"}
    name = _name_in(TRAINING_MODES, training)
    if name not in named:
        raise ExportError(f"training={training!r}: choose 'eval', 'train' or 'preserve'.")
    return named[name]


def operator_export_type(kind: Any) -> str:
    """One of OPERATOR_EXPORT_TYPES, from the name or torch.onnx's enumeration.

    Raises:
        ExportError: for anything else.
    """
    name = "ONNX" if kind is None else _name_in(OPERATOR_EXPORT_TYPES, kind)
    if name not in OPERATOR_EXPORT_TYPES:
        names = ", ".join(OPERATOR_EXPORT_TYPES)
        raise ExportError(f"operator_export_type={kind!r}: choose one of {names}.")
    return name


def check_model(program: Any, wanted: Any) -> None:
    """Run ONNX's checker, which ``enable_onnx_checker=True`` asks for."""
    if wanted:
        import onnx

        onnx.checker.check_model(program.model_proto)


def check_domains(custom_opsets: Mapping[str, int] | None, used: Collection[str]) -> None:
    """Say which of the domains that ``custom_opsets`` gives versions of are not in the model."""
    unused = [domain for domain in custom_opsets or () if domain not in used]
    if unused:
        names = ", ".join(unused)
        warn(f"custom_opsets names {names}: the model has no operator of that.")


def warn(text: str) -> None:
    """A warning at the line of the user's call of ``export``: through what it calls."""
    warnings.warn(text, UserWarning, stacklevel=5)
