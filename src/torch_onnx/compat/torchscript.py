"""TorchScript: traces, saved programs, and the numbers that it writes for types."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
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
    with _without_fast_attention():
        return trace(module, tensors, check_trace=False, strict=False)


def traced_graph(
    module: torch.nn.Module, tensors: Sequence[torch.Tensor], owned: Sequence[torch.Tensor]
) -> Any:
    """The graph of a module's run on ``tensors``: these are its inputs, and then the ones in
    ``owned``, the module's parameters and buffers.

    Twice as fast as to make ScriptModules of all its modules, which it must not hold itself.
    """
    create: Any = torch._C._create_graph_by_tracing
    tracing: Any = importlib.import_module("torch.jit._trace")
    names: dict[Any, Any] = {"__module": module}
    for name, child in module.named_modules():
        if name:
            names[child] = f"__module.{name}"
    before = tracing._trace_module_map
    try:
        # By this, modules tell the tracer where they begin and end.
        tracing._trace_module_map = names
        with _without_fast_attention():
            graph, _ = create(
                lambda *given: module(*given[: len(tensors)]),
                (*tensors, *owned),
                lambda value: "",
                False,
                False,
            )
    finally:
        tracing._trace_module_map = before
    return graph


@contextlib.contextmanager
def _without_fast_attention() -> Iterator[None]:
    """Within, attention has no fast path: that is one operator, which hides what it does."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
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


@contextlib.contextmanager
def compiled_alike(stand_ins: Mapping[Any, Any]) -> Iterator[None]:
    """Within, TorchScript's compiler takes the keys for the operators that the values are."""
    builtins: Any = importlib.import_module("torch.jit._builtins")
    table = builtins._get_builtin_table()
    names = {id(made): builtins._find_builtin(original) for made, original in stand_ins.items()}
    table.update(names)
    try:
        yield
    finally:
        for key in names:
            del table[key]
