"""What runs that are recorded need: PyTorch's Python functions run, unasked."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import torch

from torch_onnx.compat.fakes import quiet
from torch_onnx.compat.result_types import fake_quantization_has_types, recurrent_layers_have_types

# PyTorch's modules of Python functions that a mode is asked about.
_PYTHON_FUNCTIONS = ("torch.nn.functional", "torch.functional", "torch._tensor", "torch._lowrank")
_CHECKS = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


@contextlib.contextmanager
def recording_environment() -> Iterator[None]:
    """Within, PyTorch's Python functions do not hand themselves to a mode but run, so that the
    operators they call are seen; and models are told that they are being exported.
    """
    import torch._lowrank
    import torch._tensor
    import torch.functional
    import torch.nn.functional
    from torch._subclasses import fake_tensor

    FakeTensor: Any = fake_tensor.FakeTensor

    places: Any = [sys.modules[name] for name in _PYTHON_FUNCTIONS]
    saved = [(m, n, getattr(m, n)) for m in places for n in _CHECKS if hasattr(m, n)]
    compiler: Any = torch.compiler
    flags = [n for n in ("_is_compiling_flag", "_is_exporting_flag") if hasattr(compiler, n)]
    before = {name: getattr(compiler, name) for name in flags}
    # Stand-ins have one of their own, which reads element by element, unseen.
    own_list = FakeTensor.__dict__.get("tolist")
    try:
        if own_list is not None:
            FakeTensor.tolist = torch.Tensor.tolist
        for module, name, _ in saved:
            setattr(module, name, _never)
        for name in flags:
            setattr(compiler, name, True)
        with recurrent_layers_have_types(), fake_quantization_has_types(), quiet():
            yield
    finally:
        if own_list is not None:
            FakeTensor.tolist = own_list
        for module, name, value in saved:
            setattr(module, name, value)
        for name, value in before.items():
            setattr(compiler, name, value)


def runs_as_python(function: Any) -> bool:
    """Whether a function of PyTorch's runs its own Python within ``recording_environment``."""
    return function.__globals__.get("__name__") in _PYTHON_FUNCTIONS


def _never(*_: Any) -> bool:
    return False


def autocast_dtype() -> torch.dtype | None:
    """The dtype of the region of torch.autocast that the program is in, None outside of one."""
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            return torch.get_autocast_dtype(device)
    return None
