"""TorchScript: traces, saved programs, and the numbers that it writes for types."""

from __future__ import annotations

from typing import Any

import torch

# In the order of c10::ScalarType, which is fixed by saved programs.
_DTYPES = (
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.float32, torch.float64, torch.complex32, torch.complex64),
    *(torch.complex128, torch.bool),
    *(getattr(torch, name, torch.uint8) for name in ("qint8", "quint8", "qint32")),
    torch.bfloat16,
)


def traced(module: torch.nn.Module, tensors: tuple[torch.Tensor, ...]) -> Any:
    """The module as its run on ``tensors`` is recorded by PyTorch's tracer."""
    trace: Any = torch.jit.trace
    # The fast path of attention is one operator, which hides what it does.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        return trace(module, tensors, check_trace=False, strict=False)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def is_tracing() -> bool:
    """Whether PyTorch's tracer records what runs."""
    tracing: Any = torch._C._get_tracing_state
    return tracing() is not None


def loaded(path: Any) -> Any:
    """A TorchScript program that was saved."""
    load: Any = torch.jit.load
    return load(path, map_location="cpu")


def inlined(graph: Any) -> Any:
    """A TorchScript graph with the bodies of the functions that it calls in their places."""
    inline: Any = torch._C._jit_pass_inline
    inline(graph)
    return graph


def is_script(value: Any) -> bool:
    """Whether a value is a TorchScript module or object."""
    return isinstance(value, (torch._C.ScriptModule, torch._C.ScriptObject))


def dtype_numbered(number: int) -> torch.dtype:
    """The dtype that TorchScript writes as a number."""
    return _DTYPES[number]


def number_of_dtype(dtype: torch.dtype) -> int:
    """The number that TorchScript writes for a dtype."""
    return _DTYPES.index(dtype)


def memory_format_numbered(number: int) -> torch.memory_format:
    """The memory format that TorchScript writes as a number."""
    formats = (
        torch.contiguous_format,
        torch.preserve_format,
        torch.channels_last,
        torch.channels_last_3d,
    )
    return formats[number]
