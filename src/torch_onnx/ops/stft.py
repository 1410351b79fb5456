"""Short-time Fourier transforms and their inverse."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.dtypes import complex_of, real_of
from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops import dft
from torch_onnx.ops.axes import rank_of, shape_of, sizes_of
from torch_onnx.ops.complex_values import multiply, quotient
from torch_onnx.ops.padding import pad
from torch_onnx.ops.shape import move_axes
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

# For calls with complex numbers and for those that view them as real ones.
aten = OpTable("stft")


@aten("stft")
def stft(
    g: Builder,
    self: OnnxValue,
    n_fft: int,
    result: OnnxValue,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: OnnxValue | None = None,
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> OnnxValue:
    """(batch, length) → (batch, frequencies, frames); both without a batch where there is none."""
    if align_to_window:
        raise NotExpressible("stft with align_to_window is not translated")
    dtype = real_of(result.dtype)
    hop = n_fft // 4 if hop_length is None else hop_length
    shape = _window(g, window, win_length, n_fft, dtype)
    shape = _scaled(g, shape, n_fft**-0.5 if normalized else 1.0)
    x = g.cast(self, complex_of(dtype) if self.is_complex else dtype)
    is_complex = x.is_complex or shape.is_complex
    half = not is_complex if onesided is None else onesided
    # ONNX's operator has the digits of its DFT.
    if not is_complex and g.opset >= 17 and dft.is_power_of_two(n_fft):
        spectrum = _by_operator(g, x, hop, shape, onesided=half)
    else:
        frames = multiplied(g, _frames(g, x, n_fft, hop), shape)
        if is_complex:
            z = g.as_real(frames)
            spectrum = dft.of_complex(g, z, rank_of(z) - 2, n_fft)
        else:
            spectrum = dft.of_real(g, frames, rank_of(frames) - 1, n_fft, onesided=half)
    rank = rank_of(spectrum)
    spectrum = move_axes(g, spectrum, [rank - 2], [rank - 3])
    return g.as_complex(spectrum) if result.is_complex else spectrum


@aten("stft.center")
def stft_centered(
    g: Builder,
    self: OnnxValue,
    n_fft: int,
    result: OnnxValue,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: OnnxValue | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> OnnxValue:
    if center:
        sides = [n_fft // 2] * 2
        self = _each(g, self, lambda part: pad(g, part, sides, pad_mode))
    return stft(
        g,
        self,
        n_fft,
        result,
        hop_length,
        win_length,
        window,
        normalized,
        onesided,
        return_complex,
        align_to_window,
    )


def _window(
    g: Builder, window: OnnxValue | None, length: int | None, n_fft: int, dtype: torch.dtype
) -> OnnxValue:
    """The window in the middle of a frame, zeros around it."""
    size = n_fft if length is None else length
    if window is None:
        ones = g.ConstantOfShape(g.constant([size]), value=torch.ones(1, dtype=dtype))
        return _centered(g, ones, size, n_fft)
    if not window.is_complex:
        return _centered(g, g.cast(window, dtype), size, n_fft)
    whole = g.cast(window, complex_of(dtype))
    return _each(g, whole, lambda part: _centered(g, part, size, n_fft))


def _centered(g: Builder, window: OnnxValue, size: int, n_fft: int) -> OnnxValue:
    before = (n_fft - size) // 2
    after = n_fft - size - before
    return g.Pad(window, [before, after]) if before or after else window


def _by_operator(
    g: Builder, x: OnnxValue, hop: int, window: OnnxValue, *, onesided: bool
) -> OnnxValue:
    batch = g.Unsqueeze(x, axes=[0]) if rank_of(x) == 1 else x
    spectrum = g.STFT(batch, g.constant(hop), window, onesided=int(onesided))
    spectrum.shape = (shape_of(batch)[0], None, None, 2)
    return g.Squeeze(spectrum, axes=[0]) if rank_of(x) == 1 else spectrum


def _frames(g: Builder, x: OnnxValue, n_fft: int, hop: int) -> OnnxValue:
    """(…, length) → (…, frames, n_fft)."""
    last = rank_of(g.shaped_alike(x)) - 1
    end = g.scalar(g.sub(g.size(x, last), n_fft - 1), torch.int64)
    starts = g.Unsqueeze(g.Range(0, end, hop), axes=[1])
    places = g.Add(starts, g.Range(0, n_fft, 1))
    return _each(g, x, lambda part: g.Gather(part, places, axis=last))


@aten("istft")
def istft(
    g: Builder,
    self: OnnxValue,
    n_fft: int,
    result: OnnxValue,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: OnnxValue | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: Integer | None = None,
    return_complex: bool = False,
) -> OnnxValue:
    """(…, frequencies, frames) → (…, length): the frames added up, over the windows' squares."""
    dtype = real_of(result.dtype)
    hop = n_fft // 4 if hop_length is None else hop_length
    shape = _window(g, window, win_length, n_fft, dtype)
    z = g.as_real(g.cast(self, complex_of(dtype)))
    axis = rank_of(z) - 2
    z = move_axes(g, z, [axis - 1], [axis])
    count = g.size(z, axis - 1)
    if return_complex:
        frames = g.as_complex(dft.of_complex(g, z, axis, n_fft, inverse=True))
    else:
        # Of a whole spectrum PyTorch, too, takes the first half for real signals.
        half = n_fft // 2 + 1
        frames = dft.to_real(g, dft.resized(g, z, axis, half), axis, n_fft)
    frames = _scaled(g, multiplied(g, frames, shape), n_fft**0.5 if normalized else 1.0)
    signal = _each(g, frames, lambda part: _overlapped(g, part, hop, n_fft))
    squares = multiplied(g, shape, shape)
    weight = _each(
        g, squares, lambda part: _overlapped(g, g.expand(part, [count, n_fft]), hop, n_fft)
    )
    total = g.add(g.mul(g.sub(count, 1), hop), n_fft)
    start, end = (n_fft // 2, g.sub(total, n_fft // 2)) if center else (0, total)
    if length is not None:
        end = g.minimum(g.add(length, start), total)

    def cut(part: OnnxValue) -> OnnxValue:
        return g.Slice(part, [start], [end], axes=[rank_of(part) - 1])

    signal, weight = _each(g, signal, cut), _each(g, weight, cut)
    if signal.is_complex or weight.is_complex:
        signal = quotient(g, signal, weight)
    else:
        signal = g.Div(signal, weight)
    if length is None:
        return signal
    return _each(g, signal, lambda part: dft.resized(g, part, rank_of(part) - 1, length))


def multiplied(g: Builder, x: OnnxValue, y: OnnxValue) -> OnnxValue:
    """The product of real or complex tensors."""
    return multiply(g, x, y) if x.is_complex or y.is_complex else g.Mul(x, y)


def _scaled(g: Builder, x: OnnxValue, factor: float) -> OnnxValue:
    if factor == 1:
        return x
    return _each(g, x, lambda part: g.Mul(part, g.like(factor, part)))


def _each(g: Builder, x: OnnxValue, change: Callable[[OnnxValue], OnnxValue]) -> OnnxValue:
    """x with each of its parts changed alike."""
    real, imaginary = g.parts(x)
    real, imaginary = change(real), None if imaginary is None else change(imaginary)
    return g.complex(real, imaginary) if x.is_complex else real


def _overlapped(g: Builder, frames: OnnxValue, hop: int, n_fft: int) -> OnnxValue:
    """(…, frames, n_fft) → (…, hop * (frames + k - 1)), each frame a hop after the one before.

    The frames are cut into k pieces of a hop: the first pieces of all frames in a row, the second
    pieces in a row a hop later, and so on, add up to the signal.
    """
    rank = rank_of(frames)
    count = -(-n_fft // hop)
    frames = dft.resized(g, frames, rank - 1, count * hop)
    *leading, length, _ = sizes_of(g, frames)
    pieces = g.reshape(frames, [*leading, length, count, hop])
    rows = []
    for i in range(count):
        piece = g.Gather(pieces, g.constant(i), axis=rank - 1)
        row = g.reshape(piece, [*leading, g.mul(length, hop)])
        before, after = i * hop, (count - 1 - i) * hop
        outer = [0] * (rank - 2)
        rows.append(g.Pad(row, [*outer, before, *outer, after]) if count > 1 else row)
    signal: OnnxValue = g.Sum(*rows)
    return signal
