"""Pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.conv import per_axis
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("pool")


def _batched(g: Builder, x: OnnxValue, rank: int, pool: Callable[[OnnxValue], Any]) -> Any:
    """PyTorch pools tensors without a batch axis too, ONNX does not."""
    if x.rank == rank + 2:
        return pool(x)
    return g.Squeeze(pool(g.Unsqueeze(x, axes=[0])), axes=[0])


def _max_pool(rank: int) -> None:
    def translate(
        g: Builder,
        self: OnnxValue,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Any:
        kernel = per_axis(kernel_size, rank)
        strides = per_axis(stride, rank) if stride else kernel
        pads = per_axis(padding, rank)
        if ceil_mode:
            _check_ceil(self, kernel, strides, pads, per_axis(dilation, rank))
        return _batched(
            g,
            self,
            rank,
            lambda x: g.MaxPool(
                x,
                kernel_shape=kernel,
                strides=strides,
                pads=2 * pads,
                dilations=per_axis(dilation, rank),
                ceil_mode=int(ceil_mode),
            ),
        )

    aten(f"max_pool{rank}d")(translate)


def _check_ceil(
    x: OnnxValue,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
) -> None:
    """PyTorch drops a last window that starts in the padding; ONNX keeps it before opset 22."""
    sizes = (x.shape or ())[-len(kernel) :]
    for size, k, s, p, d in zip(sizes, kernel, strides, pads, dilations, strict=True):
        if not isinstance(size, int):
            if s > k:
                raise NotExpressible("ceil_mode with a stride above the kernel's size")
            continue
        span = size + 2 * p - d * (k - 1) - 1
        windows = -(-span // s) + 1
        if (windows - 1) * s >= size + p:
            raise NotExpressible("ceil_mode with a window that starts in the padding")


def _avg_pool(rank: int) -> None:
    def translate(
        g: Builder,
        self: OnnxValue,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        kernel = per_axis(kernel_size, rank)
        strides = per_axis(stride, rank) if stride else kernel
        pads = per_axis(padding, rank)
        if ceil_mode:
            raise NotExpressible("avg_pool with ceil_mode")
        if divisor_override is not None:
            raise NotExpressible("avg_pool with divisor_override")
        return _batched(
            g,
            self,
            rank,
            lambda x: g.AveragePool(
                x,
                kernel_shape=kernel,
                strides=strides,
                pads=2 * pads,
                count_include_pad=int(count_include_pad and any(pads)),
            ),
        )

    aten(f"avg_pool{rank}d")(translate)


def _adaptive(rank: int, name: str, global_pool: str, windowed: str) -> None:
    def translate(g: Builder, self: OnnxValue, output_size: Any) -> Any:
        wanted = per_axis(output_size, rank)
        if all(isinstance(size, int) and size == 1 for size in wanted):
            return _batched(g, self, rank, getattr(g, global_pool))
        sizes = (self.shape or ())[-rank:]
        if tuple(wanted) == sizes:
            return self
        kernel = []
        for size, out in zip(sizes, wanted, strict=True):
            if not isinstance(size, int) or not isinstance(out, int) or size % out:
                raise NotExpressible(f"{name} to a size that does not divide a known input size")
            kernel.append(size // out)
        pool = getattr(g, windowed)
        return _batched(g, self, rank, lambda x: pool(x, kernel_shape=kernel, strides=kernel))

    aten(name)(translate)


for _rank in (1, 2, 3):
    _max_pool(_rank)
    _avg_pool(_rank)
    _adaptive(_rank, f"adaptive_avg_pool{_rank}d", "GlobalAveragePool", "AveragePool")
aten.add("_adaptive_avg_pool2d", aten.rows["aten::adaptive_avg_pool2d"][0].fn, 11, (), False)
