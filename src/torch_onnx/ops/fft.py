"""torch.fft: transforms of one and more axes, and shifts of their spectra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from torch_onnx.builder.dtypes import complex_of, real_of
from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.ops import dft
from torch_onnx.ops.axes import rank_of
from torch_onnx.ops.complex_values import conjugate
from torch_onnx.ops.slicing import roll as roll_real
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

# For calls with complex numbers and for those without: hfft takes real spectra as well.
aten = OpTable("fft")

Axes: TypeAlias = list[tuple[int, Integer]]
"""The axes to transform, counted from the start, and how long they are to be."""
Transform: TypeAlias = "Callable[[Builder, OnnxValue, Axes, str, torch.dtype], OnnxValue]"


def _axes(
    g: Builder,
    x: OnnxValue,
    lengths: Sequence[Integer | None] | None,
    dims: Sequence[int] | None,
    *,
    halved: bool = False,
) -> Axes:
    """``halved``: the last axis is the first half of a spectrum of the length meant."""
    rank = rank_of(g.shaped_alike(x))
    if dims is None:
        dims = range(rank) if lengths is None else range(rank - len(lengths), rank)
    axes = [dim % rank for dim in dims]
    given = [None] * len(axes) if lengths is None else lengths
    result: Axes = []
    for axis, length in zip(axes, given, strict=True):
        if length is None or (isinstance(length, int) and length == -1):
            length = g.size(x, axis)
            if halved and axis == axes[-1]:
                length = g.mul(g.sub(length, 1), 2)
        result.append((axis, length))
    return result


# The transforms. Each gives a spectrum in the form that it is stored in, or a real signal.


def forward(g: Builder, x: OnnxValue, axes: Axes, norm: str, dtype: torch.dtype) -> OnnxValue:
    """fft: forward of real or complex signals."""
    if x.is_complex:
        z = _each_of_complex(g, g.as_real(g.cast(x, complex_of(dtype))), axes)
    else:
        z = _of_real(g, g.cast(x, dtype), axes, onesided=False)
    return g.as_complex(_normalized(g, z, axes, [], norm, inverse=False))


def backward(g: Builder, x: OnnxValue, axes: Axes, norm: str, dtype: torch.dtype) -> OnnxValue:
    """ifft: of real or complex spectra."""
    z = g.as_real(g.cast(x, complex_of(dtype)))
    z = _each_of_complex(g, z, axes, inverse=True)
    return g.as_complex(_normalized(g, z, axes, axes, norm, inverse=True))


def forward_of_real(
    g: Builder, x: OnnxValue, axes: Axes, norm: str, dtype: torch.dtype
) -> OnnxValue:
    """rfft: half of the spectrum along the last axis, the others whole."""
    z = _of_real(g, g.cast(x, dtype), axes, onesided=True)
    return g.as_complex(_normalized(g, z, axes, [], norm, inverse=False))


def backward_to_real(
    g: Builder, x: OnnxValue, axes: Axes, norm: str, dtype: torch.dtype
) -> OnnxValue:
    """irfft: of a spectrum with half of the last axis."""
    z = g.as_real(g.cast(x, complex_of(dtype)))
    z = _each_of_complex(g, z, axes[:-1], inverse=True)
    return _normalized(g, _to_real(g, z, axes[-1]), axes, axes, norm, inverse=True)


def forward_to_real(
    g: Builder, x: OnnxValue, axes: Axes, norm: str, dtype: torch.dtype
) -> OnnxValue:
    """hfft: forward of a signal with half of the last axis, whose spectrum is real."""
    z = g.as_real(g.cast(x, complex_of(dtype)))
    z = _each_of_complex(g, z, axes[:-1])
    z = g.as_real(conjugate(g, g.as_complex(z)))
    return _normalized(g, _to_real(g, z, axes[-1]), axes, axes[-1:], norm, inverse=False)


def backward_of_real(
    g: Builder, x: OnnxValue, axes: Axes, norm: str, dtype: torch.dtype
) -> OnnxValue:
    """ihfft: half of the signal along the last axis."""
    z = _of_real(g, g.cast(x, dtype), axes[-1:], onesided=True)
    z = g.as_real(conjugate(g, g.as_complex(z)))
    z = _each_of_complex(g, z, axes[:-1], inverse=True)
    return g.as_complex(_normalized(g, z, axes, axes[:-1], norm, inverse=True))


def _each_of_complex(g: Builder, z: OnnxValue, axes: Axes, *, inverse: bool = False) -> OnnxValue:
    for axis, length in axes:
        z = dft.of_complex(g, dft.resized(g, z, axis, length), axis, length, inverse=inverse)
    return z


def _of_real(g: Builder, x: OnnxValue, axes: Axes, *, onesided: bool) -> OnnxValue:
    if not axes:
        return g.as_real(g.complex(x))
    (axis, length), others = axes[-1], axes[:-1]
    x = dft.resized(g, x, axis, length)
    return _each_of_complex(g, dft.of_real(g, x, axis, length, onesided=onesided), others)


def _to_real(g: Builder, z: OnnxValue, last: tuple[int, Integer]) -> OnnxValue:
    axis, length = last
    z = dft.resized(g, z, axis, g.add(g.floordiv(length, 2), 1))
    return dft.to_real(g, z, axis, length)


def _normalized(
    g: Builder, x: OnnxValue, axes: Axes, divided: Axes, norm: str, *, inverse: bool
) -> OnnxValue:
    """x, divided by some lengths already, as it is by the norm: by their product or its root."""
    power = {"backward": float(inverse), "forward": float(not inverse), "ortho": 0.5}[norm]
    if (power == 0 and not divided) or (power == 1 and len(divided) == len(axes)):
        return x
    total, done = (g.product([length for _, length in some]) for some in (axes, divided))
    if isinstance(total, int) and isinstance(done, int):
        return g.Mul(x, g.like(done / total**power, x))
    divisor = g.scalar(total, torch.float64)
    factor = g.scalar(done, torch.float64)
    if power:
        factor = g.Div(factor, divisor if power == 1 else g.Sqrt(divisor))
    return g.Mul(x, g.cast(factor, x.dtype))


# As torch.fft has them, of one axis, of two and of several.


def _register(name: str, transform: Transform, *, halved: bool = False) -> None:
    def of_axes(
        g: Builder,
        self: OnnxValue,
        result: OnnxValue,
        s: Sequence[Integer] | None = None,
        dim: Sequence[int] | None = None,
        norm: str | None = None,
    ) -> OnnxValue:
        axes = _axes(g, self, s, dim, halved=halved)
        return transform(g, self, axes, norm or "backward", real_of(result.dtype))

    def of_two(
        g: Builder,
        self: OnnxValue,
        result: OnnxValue,
        s: Sequence[Integer] | None = None,
        dim: Sequence[int] = (-2, -1),
        norm: str | None = None,
    ) -> OnnxValue:
        return of_axes(g, self, result, s, dim, norm)

    def of_one(
        g: Builder,
        self: OnnxValue,
        result: OnnxValue,
        n: Integer | None = None,
        dim: int = -1,
        norm: str | None = None,
    ) -> OnnxValue:
        return of_axes(g, self, result, None if n is None else [n], [dim], norm)

    aten(f"fft_{name}")(of_one)
    aten(f"fft_{name}2")(of_two)
    aten(f"fft_{name}n")(of_axes)


_register("fft", forward)
_register("ifft", backward)
_register("rfft", forward_of_real)
_register("irfft", backward_to_real, halved=True)
_register("hfft", forward_to_real, halved=True)
_register("ihfft", backward_of_real)


# What they are in PyTorch itself; ``normalization`` is nothing, by the root, by the product.


def _norm(normalization: int, *, inverse: bool) -> str:
    nothing, product = ("forward", "backward") if inverse else ("backward", "forward")
    return (nothing, "ortho", product)[normalization]


TRANSFORMS: dict[bool, Transform] = {True: forward, False: backward}


@aten("_fft_c2c")
def complex_to_complex(
    g: Builder,
    self: OnnxValue,
    dim: Sequence[int],
    normalization: int,
    forward: bool,
    result: OnnxValue,
) -> OnnxValue:
    norm = _norm(normalization, inverse=not forward)
    transform = TRANSFORMS[bool(forward)]
    return transform(g, self, _axes(g, self, None, dim), norm, real_of(result.dtype))


@aten("_fft_r2c")
def real_to_complex(
    g: Builder,
    self: OnnxValue,
    dim: Sequence[int],
    normalization: int,
    onesided: bool,
    result: OnnxValue,
) -> OnnxValue:
    transform = forward_of_real if onesided else forward
    norm = _norm(normalization, inverse=False)
    return transform(g, self, _axes(g, self, None, dim), norm, real_of(result.dtype))


@aten("_fft_c2r")
def complex_to_real(
    g: Builder,
    self: OnnxValue,
    dim: Sequence[int],
    normalization: int,
    last_dim_size: Integer,
    result: OnnxValue,
) -> OnnxValue:
    axes = _axes(g, self, None, dim)
    axes[-1] = (axes[-1][0], last_dim_size)
    norm = _norm(normalization, inverse=True)
    return backward_to_real(g, self, axes, norm, real_of(result.dtype))


# Shifts and frequencies.


@aten("fft_fftfreq")
def fftfreq(
    g: Builder, n: Integer, result: OnnxValue, d: float = 1.0, dtype: torch.dtype | None = None
) -> OnnxValue:
    places = g.Range(0, g.scalar(n), 1)
    above = g.Less(g.scalar(g.floordiv(g.sub(n, 1), 2)), places)
    return _frequencies(g, g.Where(above, g.Sub(places, g.scalar(n)), places), n, d)


@aten("fft_rfftfreq")
def rfftfreq(
    g: Builder, n: Integer, result: OnnxValue, d: float = 1.0, dtype: torch.dtype | None = None
) -> OnnxValue:
    return _frequencies(g, g.Range(0, g.scalar(g.add(g.floordiv(n, 2), 1)), 1), n, d)


def _frequencies(g: Builder, places: OnnxValue, n: Integer, spacing: float) -> OnnxValue:
    whole = g.Mul(g.scalar(n, torch.float64), g.constant(spacing, torch.float64))
    return g.Div(g.cast(places, torch.float64), whole)


@aten("fft_fftshift")
def fftshift(g: Builder, self: OnnxValue, dim: Sequence[int] | None = None) -> OnnxValue:
    return _shifted(g, self, dim, lambda size: g.floordiv(size, 2))


@aten("fft_ifftshift")
def ifftshift(g: Builder, self: OnnxValue, dim: Sequence[int] | None = None) -> OnnxValue:
    return _shifted(g, self, dim, lambda size: g.floordiv(g.add(size, 1), 2))


def _shifted(
    g: Builder, x: OnnxValue, dim: Sequence[int] | None, by: Callable[[Integer], Integer]
) -> OnnxValue:
    dims = list(range(rank_of(g.shaped_alike(x)))) if dim is None else list(dim)
    shifts: list[Any] = [by(g.size(x, d)) for d in dims]
    parts = [None if part is None else roll_real(g, part, shifts, dims) for part in g.parts(x)]
    assert parts[0] is not None
    return g.complex(parts[0], parts[1]) if x.is_complex else parts[0]
