"""Window functions of a length that is known at run time only; others are constants."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("window_functions")


def window(
    g: Builder,
    length: Integer,
    periodic: bool,
    height: Callable[[OnnxValue], OnnxValue],
    dtype: torch.dtype,
) -> OnnxValue:
    """``height`` of float64 places from 0 to 1; a window of one element is 1.

    A periodic window lacks the last element of a symmetric one.
    """
    last = length if periodic else g.sub(length, 1)
    places = g.Cast(g.Range(0, g.scalar(length, torch.int64), 1), to=torch.float64)
    heights = height(g.Div(places, g.scalar(g.maximum(last, 1), torch.float64)))
    single = g.Equal(g.scalar(length, torch.int64), g.constant(1))
    made = g.Where(single, g.constant(1.0, torch.float64), heights)
    return g.cast(made, dtype)


def cosines(g: Builder, *factors: float) -> Callable[[OnnxValue], OnnxValue]:
    """``factors[0] + factors[1] * cos(2 pi x) + factors[2] * cos(4 pi x) ...``"""

    def height(x: OnnxValue) -> OnnxValue:
        total = g.constant(factors[0], torch.float64)
        for turns, factor in enumerate(factors[1:], 1):
            wave = g.Cos(g.Mul(x, g.constant(2 * math.pi * turns, torch.float64)))
            total = g.Add(total, g.Mul(wave, g.constant(factor, torch.float64)))
        return total

    return height


@aten("hann_window", "hann_window.periodic")
def hann_window(
    g: Builder,
    window_length: Integer,
    result: OnnxValue,
    periodic: bool = True,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return window(g, window_length, periodic, cosines(g, 0.5, -0.5), result.dtype)


@aten(
    "hamming_window",
    "hamming_window.periodic",
    "hamming_window.periodic_alpha",
    "hamming_window.periodic_alpha_beta",
)
def hamming_window(
    g: Builder,
    window_length: Integer,
    result: OnnxValue,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return window(g, window_length, periodic, cosines(g, alpha, -beta), result.dtype)


@aten("blackman_window", "blackman_window.periodic")
def blackman_window(
    g: Builder,
    window_length: Integer,
    result: OnnxValue,
    periodic: bool = True,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return window(g, window_length, periodic, cosines(g, 0.42, -0.5, 0.08), result.dtype)


@aten("bartlett_window", "bartlett_window.periodic")
def bartlett_window(
    g: Builder,
    window_length: Integer,
    result: OnnxValue,
    periodic: bool = True,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    def triangle(x: OnnxValue) -> OnnxValue:
        twice = g.Mul(x, g.constant(2.0, torch.float64))
        return g.Min(twice, g.Sub(g.constant(2.0, torch.float64), twice))

    return window(g, window_length, periodic, triangle, result.dtype)
