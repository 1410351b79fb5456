"""Fake tensors: stand-ins without data, whose sizes may be symbolic."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from torch_onnx.compat.releases import RELEASE


def fake_mode() -> Any:
    """A FakeTensorMode whose sizes may be symbolic, and which takes real tensors beside fakes."""
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    if RELEASE < (2, 8):
        # Older ones remember sizes that depend on data, which mean nothing to another ShapeEnv.
        clear: Any = FakeTensorMode.cache_clear
        clear()
    environment = ShapeEnv(specialize_zero_one=RELEASE >= (2, 7))
    mode = FakeTensorMode(shape_env=environment, allow_non_fake_inputs=True)
    # What it remembers of a call costs as much as the call, where sizes are symbolic.
    mode.cache_enabled = False
    return mode


def static_fake_mode() -> Any:
    """A FakeTensorMode whose sizes are all known."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    return FakeTensorMode(allow_non_fake_inputs=True)


@contextlib.contextmanager
def running_on(mode: Any) -> Iterator[None]:
    """Within, operators run on a mode's fake tensors, symbolic sizes and all."""
    from torch._dispatch.python import enable_python_dispatcher

    forget_data(mode)
    with mode, enable_python_dispatcher():
        yield


def forget_data(mode: Any) -> None:
    """Let fake tensors forget what they remember of their data (a number, a count of non-zeros):
    one may stand for several values.
    """
    mode.epoch += 1


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within, PyTorch does not log what fake tensors and symbolic sizes fail on: errors say it."""
    names = ("torch._subclasses.fake_tensor", "torch.fx.experimental.symbolic_shapes")
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was


def fake_input(mode: Any, tensor: torch.Tensor, index: int, axes: Sequence[int]) -> torch.Tensor:
    """A fake of input number ``index``, with a symbol of its own for each of ``axes``."""
    from torch._dynamo.source import ConstantSource
    from torch.fx.experimental.symbolic_shapes import DimDynamic, StatelessSymbolicContext

    context: Any = StatelessSymbolicContext(
        dynamic_sizes=[
            DimDynamic.DYNAMIC if axis in axes else DimDynamic.STATIC
            for axis in range(tensor.dim())
        ],
        constraint_sizes=[None] * tensor.dim(),
    )
    source = ConstantSource(f"inputs[{index}]")
    guards = len(mode.shape_env.guards)
    with sizes_may_be_zero():
        fake: torch.Tensor = mode.from_tensor(tensor, source=source, symbolic_context=context)
    # Whether a tensor is contiguous is asked of its sizes, 0 included.
    del mode.shape_env.guards[guards:]
    return fake


@contextlib.contextmanager
def sizes_may_be_zero() -> Iterator[None]:
    """Within, symbols of sizes are not declared positive, for which ``size == 0`` is never true."""
    from torch.fx.experimental.symbolic_shapes import ShapeEnv
    from torch.utils._sympy.numbers import int_oo
    from torch.utils._sympy.value_ranges import ValueRanges

    patched: Any = ShapeEnv
    create = patched.create_symbol

    def created(self: Any, *args: Any, **kwargs: Any) -> Any:
        symbol = create(self, *args, **{**kwargs, "positive": None})
        if symbol.is_Symbol:
            self.var_to_range[symbol] = ValueRanges(0, int_oo)
        return symbol

    patched.create_symbol = created
    try:
        yield
    finally:
        patched.create_symbol = create


def fake_copy(mode: Any, tensor: torch.Tensor) -> torch.Tensor:
    """A fake of a tensor whose sizes are known."""
    fake: torch.Tensor = mode.from_tensor(tensor, static_shapes=True)
    return fake


def fake_of_shape(mode: Any, tensor: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """A stand-in of a tensor's type with other sizes."""
    with mode:
        fake: torch.Tensor = torch.empty(tuple(shape), dtype=tensor.dtype, device=tensor.device)
    return fake


def empty_fake(mode: Any, sizes: Sequence[Any], like: torch.Tensor) -> torch.Tensor:
    """A stand-in with symbolic sizes."""
    with mode:
        fake: torch.Tensor = torch.empty(tuple(sizes), dtype=like.dtype, device=like.device)
    return fake


def another_fake(fake: torch.Tensor) -> torch.Tensor:
    """A stand-in of the same type, with a storage of its own."""
    mode: Any = getattr(fake, "fake_mode", None)
    with mode or contextlib.nullcontext():
        return torch.empty_strided(fake.shape, fake.stride(), dtype=fake.dtype, device=fake.device)


def is_fake(tensor: Any) -> bool:
    """Whether a tensor is a stand-in without data."""
    from torch._subclasses.fake_tensor import FakeTensor

    return isinstance(tensor, FakeTensor)


def is_wrapped(tensor: Any) -> bool:
    """Whether a tensor is one of torch.func's, or of a class that computes its own way."""
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return True
    kind: Any = type(tensor)
    return kind not in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer) and (
        kind.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__
    )


def same_storage(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors (fake ones too) look at the same storage."""
    return bool(a.untyped_storage()._cdata == b.untyped_storage()._cdata)


def data_dependent_errors() -> tuple[type[Exception], ...]:
    """What stand-ins raise where a result depends on the elements of tensors."""
    from torch._subclasses import fake_tensor

    return (
        fake_tensor.DynamicOutputShapeException,
        fake_tensor.DataDependentOutputException,
    )


def is_data_dependent(error: Exception) -> bool:
    """Whether torch.export stopped for a condition on the elements of a tensor."""
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

    return isinstance(error, GuardOnDataDependentSymNode)


def is_of_vmap(tensor: torch.Tensor) -> bool:
    """Whether it is one row of many, as functions under torch.vmap see them."""
    is_batched: Any = torch._C._functorch.is_batchedtensor
    return bool(is_batched(tensor))


def is_within_vmap(error: BaseException | None) -> bool:
    """Whether PyTorch failed within torch.vmap: its tracer then keeps the example's sizes."""
    return error is not None and "inside of vmap" in str(error)
