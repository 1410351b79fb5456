"""Types of results where PyTorch's fake tensors have none, or wrong ones."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from torch_onnx.compat.operators import overload_of
from torch_onnx.compat.sizes import unknown_size


@contextlib.contextmanager
def types_are_known(table: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """Within, operators that PyTorch has no fake kernel of, by name, run what ``table`` has."""
    known = {overload_of(name): told for name, told in table.items()}

    def without_mode(told: Callable[..., Any]) -> Callable[..., Any]:
        return lambda mode, func, *args, **named: told(*args, **named)

    with _implemented({o: without_mode(told) for o, told in known.items() if o is not None}):
        yield


@contextlib.contextmanager
def types_are_told(table: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """Within, composite operators on fake tensors, by name, run what ``table`` has for them.

    That need but make tensors of the results' types. PyTorch would run the operators' own code,
    which may look at numbers that fake tensors do not have.
    """
    keys = torch._C.DispatchKey.CompositeImplicitAutograd, torch._C.DispatchKey.Autograd
    saved = []
    try:
        for name, told in table.items():
            overload = overload_of(name)
            if overload is None:
                continue
            saved.append((overload, dict(overload.py_kernels)))
            overload.py_kernels.update(dict.fromkeys(keys, told))
            overload._dispatch_cache.clear()
        yield
    finally:
        for overload, kernels in saved:
            overload.py_kernels.clear()
            overload.py_kernels.update(kernels)
            overload._dispatch_cache.clear()


@contextlib.contextmanager
def missing_types_are_known(table: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """The same, but for operators that this PyTorch has types for, which stay."""
    missing = {}
    for name, told in table.items():
        overload = overload_of(name)
        if overload is not None and not _has_types(overload):
            missing[name] = told
    with types_are_known(missing):
        yield


def _has_types(overload: Any) -> bool:
    from torch._subclasses import fake_impls

    if overload in fake_impls.op_implementations_dict:
        return True
    # PyTorch 2.6 does not use what it has for Fourier transforms, whose strides are wrong.
    return not fake_impls.stride_incorrect_op(
        overload
    ) and torch._C._dispatch_has_kernel_for_dispatch_key(overload.name(), torch._C.DispatchKey.Meta)


@contextlib.contextmanager
def places_have_integer_types() -> Iterator[None]:
    """Within, places and counts of unique elements are int64 on fake tensors.

    PyTorch 2.6 gives them the dtype of the elements.
    """
    from torch._subclasses.fake_impls import op_implementations_dict as implementations

    overloads: list[Any] = [torch.ops.aten.unique_dim.default, torch.ops.aten._unique2.default]

    def typed(found: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            values, *others = found(*args, **named)
            return (values, *(o.new_empty(o.shape, dtype=torch.int64) for o in others))

        return run

    with _implemented({o: typed(implementations[o]) for o in overloads}):
        yield


@contextlib.contextmanager
def _implemented(table: Mapping[Any, Callable[..., Any]]) -> Iterator[None]:
    from torch._subclasses.fake_impls import op_implementations_dict as implementations

    before = {overload: implementations.get(overload) for overload in table}
    implementations.update(table)
    try:
        yield
    finally:
        for overload, found in before.items():
            if found is None:
                del implementations[overload]
            else:
                implementations[overload] = found


@contextlib.contextmanager
def matrix_operators_have_types() -> Iterator[None]:
    """Within, operators of linear algebra that PyTorch has no types for have them on fake tensors.

    It refuses ``linalg.lstsq``, since it leaves out the residuals where the rank is not full: here
    they have the shape of a full rank.
    """
    from torch._subclasses.fake_impls import op_implementations_dict as implementations

    typed = {
        torch.ops.aten.linalg_lstsq.default: _types_of_least_squares,
        torch.ops.aten.geqrf.default: _types_of_reflections,
    }
    before = {op: implementations[op] for op in typed if op in implementations}
    implementations.update(typed)
    try:
        yield
    finally:
        for overload in typed:
            del implementations[overload]
        implementations.update(before)


def _types_of_reflections(
    mode: Any, overload: Any, self: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    *batch, rows, columns = self.shape
    factors = self.new_empty((*batch, torch.sym_min(rows, columns)))  # type: ignore[no-untyped-call]
    return torch.empty_like(self), factors


def _types_of_least_squares(
    mode: Any,
    overload: Any,
    a: torch.Tensor,
    b: torch.Tensor,
    rcond: float | None = None,
    *,
    driver: str | None = None,
) -> tuple[torch.Tensor, ...]:
    driver = driver or "gelsy"
    vectors = b.dim() == 1 or (b.dim() == a.dim() - 1 and b.shape == a.shape[:-1])
    right = b.unsqueeze(-1) if vectors else b
    batch = torch.broadcast_shapes(a.shape[:-2], right.shape[:-2])  # type: ignore[no-untyped-call]
    rows, columns = a.shape[-2:]
    solution = a.new_empty((*batch, columns, right.shape[-1]))
    over = driver != "gelsy" and rows > columns
    real = a.real.dtype
    residuals = a.new_empty((*batch, right.shape[-1]) if over else (0,), dtype=real)
    ranks = a.shape[:-2] if driver != "gels" else (0,)
    smaller = torch.sym_min(rows, columns)  # type: ignore[no-untyped-call]
    values = (*a.shape[:-2], smaller) if driver in ("gelss", "gelsd") else (0,)
    return (
        solution.squeeze(-1) if vectors else solution,
        residuals,
        a.new_empty(ranks, dtype=torch.int64),
        a.new_empty(values, dtype=real),
    )


@contextlib.contextmanager
def recurrent_layers_have_types() -> Iterator[None]:
    """Within, recurrent layers on fake tensors just tell their results' types.

    PyTorch finds these by running the layers step by step, which fixes the length of the sequence.
    And what it says of a packed sequence is wrong: that it is as long as the batch, of floats.
    """
    from torch._subclasses.fake_impls import op_implementations_dict as implementations

    layers: dict[str, Callable[..., Any]] = {}
    for name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
        layers[f"aten::{name}.input"] = _types_of_layer
        layers[f"aten::{name}.data"] = _types_of_packed_layer
    pack = torch.ops.aten._pack_padded_sequence.default
    packed = implementations[pack]
    implementations[pack] = _types_of_packed
    try:
        with types_are_told(layers):
            yield
    finally:
        implementations[pack] = packed


def _types_of_layer(
    input: torch.Tensor,
    hx: Any,
    params: Any,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool = False,
) -> tuple[torch.Tensor, ...]:
    states = [hx] if isinstance(hx, torch.Tensor) else list(hx)
    width = states[0].shape[-1] * (2 if bidirectional else 1)
    sizes = list(input.shape[:-1])
    if batch_first:
        # Made with the time first, and so it lies in memory.
        output = input.new_empty([*sizes[::-1], width]).transpose(0, 1)
    else:
        output = input.new_empty([*sizes, width])
    return (output, *(torch.empty_like(state) for state in states))


def _types_of_packed_layer(
    data: torch.Tensor, batch_sizes: torch.Tensor, *rest: Any
) -> tuple[torch.Tensor, ...]:
    return _types_of_layer(data, *rest)


def _types_of_packed(
    mode: Any, overload: Any, input: torch.Tensor, lengths: torch.Tensor, batch_first: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    data = input.new_empty([unknown_size(mode), *input.shape[2:]])
    return data, lengths.new_empty([unknown_size(mode)])


@contextlib.contextmanager
def fake_quantization_has_types() -> Iterator[None]:
    """Within, fake tensors can be fake-quantized, for which PyTorch has no types of results."""
    from torch._subclasses.fake_impls import op_implementations_dict as implementations

    names = (
        "fake_quantize_per_tensor_affine_cachemask",
        "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams",
        "fake_quantize_per_channel_affine_cachemask",
    )
    overloads: list[Any] = [getattr(torch.ops.aten, name).default for name in names]
    before = {o: implementations[o] for o in overloads if o in implementations}
    implementations.update(dict.fromkeys(overloads, _types_of_fake_quantized))
    try:
        yield
    finally:
        for overload in overloads:
            del implementations[overload]
        implementations.update(before)


def _types_of_fake_quantized(
    mode: Any, overload: Any, self: torch.Tensor, *rest: Any, **named: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty_like(self), torch.empty_like(self, dtype=torch.bool)


@contextlib.contextmanager
def dims_are_counted_from_the_start() -> Iterator[None]:
    """Within, unique_consecutive along a negative dim has the right rank on fake tensors."""
    from torch._subclasses.fake_impls import op_implementations_dict as implementations

    overload = torch.ops.aten.unique_consecutive.default
    # PyTorch 2.6 has no types for it at all.
    found = implementations.get(overload, _types_of_unique_consecutive)

    def counted(mode: Any, func: Any, self: torch.Tensor, *args: Any, **named: Any) -> Any:
        given = dict(zip(("return_inverse", "return_counts", "dim"), args, strict=False)) | named
        if given.get("dim") is not None:
            given["dim"] %= max(self.dim(), 1)
        return found(mode, func, self, **given)

    with _implemented({overload: counted}):
        yield


def _types_of_unique_consecutive(
    mode: Any,
    overload: Any,
    self: torch.Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> tuple[torch.Tensor, ...]:
    count = unknown_size(mode)
    sizes, places = [count], self.shape
    if dim is not None and self.dim() > 0:
        sizes, places = [*self.shape[:dim], count, *self.shape[dim + 1 :]], self.shape[dim:][:1]
    inverse = self.new_empty(places if return_inverse else (0,), dtype=torch.int64)
    counts = self.new_empty([count] if return_counts else (0,), dtype=torch.int64)
    return self.new_empty(sizes), inverse, counts
