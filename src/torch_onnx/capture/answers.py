"""Operators whose own code looks at numbers, which fake tensors do not have.

Some answer by a number of Python's: these are asked on tensors, and their answer is a number that
the model finds when it runs. Others only check what they are given: their results' types are told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from torch_onnx import compat


@contextlib.contextmanager
def known_from_types() -> Iterator[None]:
    """Within, these operators can be run on fake tensors."""
    with (
        compat.types_are_told(TYPES),
        compat.types_are_known(KERNELS),
        compat.missing_types_are_known(OFTEN_KNOWN),
        compat.places_have_integer_types(),
        compat.dims_are_counted_from_the_start(),
        _Asked(),
    ):
        yield


# Answers.


def _equal(self: torch.Tensor, other: torch.Tensor) -> Any:
    if self.dim() != other.dim() or self.shape != other.shape:
        return False
    return torch.eq(self, other).all().item()


def _all_close(
    self: torch.Tensor,
    other: torch.Tensor,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Any:
    return torch.isclose(self, other, rtol=rtol, atol=atol, equal_nan=equal_nan).all().item()


ANSWERS: dict[Any, Callable[..., Any]] = {
    torch.equal: _equal,
    torch.Tensor.equal: _equal,
    torch.allclose: _all_close,
    torch.Tensor.allclose: _all_close,
}


class _Asked(TorchFunctionMode):
    """Puts an operator on tensors in place of one that answers by a Python number."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        asked = ANSWERS.get(func, func)
        named = dict(kwargs or {})
        if asked is not func and "input" in named:
            # What torch's functions call ``input`` is ``self`` to its methods.
            named["self"] = named.pop("input")
        return asked(*args, **named)


# Types.


def type_of_covariance(
    self: torch.Tensor,
    correction: int = 1,
    fweights: torch.Tensor | None = None,
    aweights: torch.Tensor | None = None,
) -> torch.Tensor:
    """One matrix; a row alone has a variance. Weights take part in the promotion."""
    rows = self.shape[0] if self.dim() == 2 else None
    whole = self if self.dim() else self.reshape(1)
    for weights in (fweights, aweights):
        if weights is not None:
            whole = whole.new_empty([1], dtype=torch.result_type(whole, weights))
    dtype = _float_of(whole)
    return self.new_empty([1] if rows is None else [rows, rows], dtype=dtype).squeeze()


def _type_of_ctc_loss(
    log_probs: torch.Tensor,
    targets: torch.Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 1,
    zero_infinity: bool = False,
) -> torch.Tensor:
    batched = reduction == 0 and log_probs.dim() == 3
    return log_probs.new_empty([log_probs.shape[1]] if batched else [])


def _type_of_one_hot(self: torch.Tensor, num_classes: int = -1) -> torch.Tensor:
    classes: Any = num_classes
    if num_classes == -1:
        mode: Any = getattr(self, "fake_mode", None)
        classes = compat.unknown_size(mode)
    return self.new_empty([*self.shape, classes])


def _type_of_combinations(
    self: torch.Tensor, r: int = 2, with_replacement: bool = False
) -> torch.Tensor:
    if r == 0:
        return self.new_empty([0])
    mode: Any = getattr(self, "fake_mode", None)
    return self.new_empty([self.shape[0] if r == 1 else compat.unknown_size(mode), r])


def _float_of(x: torch.Tensor) -> torch.dtype:
    return x.dtype if x.is_floating_point() or x.is_complex() else torch.get_default_dtype()


def _type_of_histogram(self: torch.Tensor, bins: Any = 100, **options: Any) -> Any:
    if isinstance(bins, torch.Tensor):
        return self.new_empty([bins.shape[0] - 1]), self.new_empty([bins.shape[0]])
    return self.new_empty([bins]), self.new_empty([bins + 1])


def _type_of_histogramdd(self: torch.Tensor, bins: Any, *_: Any, **options: Any) -> Any:
    each = [bins] * self.shape[-1] if isinstance(bins, int) else bins
    edges = [b.shape[0] if isinstance(b, torch.Tensor) else b + 1 for b in each]
    return self.new_empty([n - 1 for n in edges]), [self.new_empty([n]) for n in edges]


def _type_of_choice(condition: torch.Tensor, self: torch.Tensor, other: torch.Tensor) -> Any:
    """Bytes choose as booleans do: PyTorch's kernel takes them, its rule for types does not."""
    if condition.dtype != torch.uint8:
        return NotImplemented
    return torch.where(condition.bool(), self, other)


def _type_of_quantile(
    self: torch.Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> torch.Tensor:
    sizes = list(self.shape)
    if dim is None:
        sizes = [1] * len(sizes) if keepdim else []
    elif sizes:
        axis = dim % len(sizes)
        sizes[axis : axis + 1] = [1] if keepdim else []
    several = list(q.shape) if isinstance(q, torch.Tensor) else []
    return self.new_empty([*several, *sizes])


def _type_of_bincount(
    self: torch.Tensor, weights: torch.Tensor | None = None, minlength: int = 0
) -> torch.Tensor:
    mode: Any = getattr(self, "fake_mode", None)
    count: Any = compat.unknown_size(mode)
    if weights is None:
        return self.new_empty([count], dtype=torch.int64)
    dtype = weights.dtype if weights.dtype == torch.float32 else torch.float64
    return self.new_empty([count], dtype=dtype)


def _type_of_convolution(*args: Any) -> torch.Tensor:
    """It has flags beyond the convolution's own arguments."""
    made: torch.Tensor = torch.ops.aten.convolution.default(*args[:9])
    return made


def _type_of_spectrum(
    self: torch.Tensor, dim: list[int], normalization: int, onesided: bool
) -> torch.Tensor:
    sizes = list(self.shape)
    if onesided:
        sizes[dim[-1]] = sizes[dim[-1]] // 2 + 1
    return self.new_empty(sizes, dtype=self.dtype.to_complex())


def _type_of_signal(
    self: torch.Tensor, dim: list[int], normalization: int, last_dim_size: int
) -> torch.Tensor:
    sizes = list(self.shape)
    sizes[dim[-1]] = last_dim_size
    return self.new_empty(sizes, dtype=self.dtype.to_real())


TYPES: dict[str, Callable[..., Any]] = {
    "aten::cov": type_of_covariance,
    "aten::corrcoef": type_of_covariance,
    "aten::combinations": _type_of_combinations,
    "aten::ctc_loss.IntList": _type_of_ctc_loss,
    "aten::ctc_loss.Tensor": _type_of_ctc_loss,
    "aten::one_hot": _type_of_one_hot,
    "aten::quantile": _type_of_quantile,
    "aten::quantile.scalar": _type_of_quantile,
    "aten::nanquantile": _type_of_quantile,
    "aten::nanquantile.scalar": _type_of_quantile,
    "aten::histogramdd": _type_of_histogramdd,
    "aten::histogramdd.int_bins": _type_of_histogramdd,
    "aten::histogramdd.TensorList_bins": _type_of_histogramdd,
}
"""Of composite operators."""

KERNELS: dict[str, Callable[..., Any]] = {
    "aten::bincount": _type_of_bincount,
    "aten::histogram.bin_ct": _type_of_histogram,
    "aten::histogram.bins_tensor": _type_of_histogram,
    "aten::where.self": _type_of_choice,
}
"""Of operators that have a kernel. NotImplemented leaves it to PyTorch.

PyTorch 2.7 takes weighted counts for integers.
"""

OFTEN_KNOWN: dict[str, Callable[..., Any]] = {
    "aten::_convolution": _type_of_convolution,
    "aten::_fft_c2r": _type_of_signal,
    "aten::_fft_r2c": _type_of_spectrum,
}
"""Of operators that newer releases have a kernel of, and PyTorch 2.6 has not."""
