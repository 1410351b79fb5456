"""Normalisations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import rank_of, refuse_complex, shape_of
from torch_onnx.ops.reduction import reduce
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("norm")
Results = list[OnnxValue | None]


# Layers: over the last axes.


@aten("layer_norm")
def layer_norm(
    g: Builder,
    input: OnnxValue,
    normalized_shape: Sequence[Any],
    weight: OnnxValue | None = None,
    bias: OnnxValue | None = None,
    eps: float = 1e-05,
    cudnn_enable: bool = True,
) -> OnnxValue:
    if g.opset >= 17:
        scale = _ones(g, normalized_shape, input.dtype) if weight is None else weight
        refuse_complex(input)
        return g.LayerNormalization(input, scale, bias, axis=-len(normalized_shape), epsilon=eps)
    return _layer_norm_parts(g, input, len(normalized_shape), weight, bias, eps)[0]


@aten("native_layer_norm")
def native_layer_norm(
    g: Builder,
    input: OnnxValue,
    normalized_shape: Sequence[Any],
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    eps: float,
    result: list[OnnxValue | None],
) -> Results:
    if result[1] is None and result[2] is None:
        return [layer_norm(g, input, normalized_shape, weight, bias, eps)]
    if g.opset < 17:
        return list(_layer_norm_parts(g, input, len(normalized_shape), weight, bias, eps))
    scale = _ones(g, normalized_shape, input.dtype) if weight is None else weight
    return list(
        g.LayerNormalization(
            input, scale, bias, axis=-len(normalized_shape), epsilon=eps, outputs=3
        )
    )


def _layer_norm_parts(
    g: Builder,
    x: OnnxValue,
    axes: int,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    eps: float,
) -> tuple[OnnxValue, OnnxValue, OnnxValue]:
    """In the form in which ONNX Runtime finds its own LayerNormalization."""
    dims = list(range(rank_of(x) - axes, rank_of(x)))
    wide = _wide(g, x)
    mean = g.ReduceMean(wide, axes=dims)
    centred = g.Sub(wide, mean)
    variance = g.ReduceMean(g.Pow(centred, g.like(2.0, wide)), axes=dims)
    deviation = g.Sqrt(g.Add(variance, g.like(eps, wide)))
    normal = g.cast(g.Div(centred, deviation), x.dtype)
    return _affine(g, normal, weight, bias), mean, g.Reciprocal(deviation)


def _wide(g: Builder, x: OnnxValue) -> OnnxValue:
    """Half precision is computed in float32, as PyTorch and ONNX do."""
    return g.cast(x, torch.float32) if x.dtype in (torch.float16, torch.bfloat16) else x


def _affine(
    g: Builder, x: OnnxValue, weight: OnnxValue | None, bias: OnnxValue | None
) -> OnnxValue:
    if weight is not None:
        x = g.Mul(x, g.cast(weight, x.dtype))
    return x if bias is None else g.Add(x, g.cast(bias, x.dtype))


def _ones(g: Builder, sizes: Sequence[Any], dtype: torch.dtype, value: float = 1.0) -> OnnxValue:
    if not all(isinstance(size, int) for size in sizes):
        raise NotExpressible("a normalisation without a weight needs known sizes")
    return g.constant(torch.full(tuple(sizes), value, dtype=dtype))


@aten("rms_norm")
def rms_norm(
    g: Builder,
    input: OnnxValue,
    normalized_shape: Sequence[Any],
    weight: OnnxValue | None = None,
    eps: float | None = None,
) -> OnnxValue:
    refuse_complex(input)
    epsilon = torch.finfo(_wide(g, input).dtype).eps if eps is None else eps
    if g.opset >= 23:
        scale = _ones(g, normalized_shape, input.dtype) if weight is None else weight
        return g.RMSNormalization(input, scale, axis=-len(normalized_shape), epsilon=epsilon)
    x = _wide(g, input)
    dims = list(range(rank_of(x) - len(normalized_shape), rank_of(x)))
    # In the form in which ONNX Runtime finds its own operator.
    mean = g.ReduceMean(g.Pow(x, g.like(2.0, x)), axes=dims)
    normal = g.Div(x, g.Sqrt(g.Add(mean, g.like(epsilon, x))))
    return g.cast(_affine(g, normal, weight, None), input.dtype)


@aten("_fused_rms_norm")
def fused_rms_norm(
    g: Builder,
    input: OnnxValue,
    normalized_shape: Sequence[Any],
    weight: OnnxValue | None,
    eps: float | None,
) -> Results:
    return [rms_norm(g, input, normalized_shape, weight, eps)]


# Channels: over all axes but the second, the batch among them.


def _channels(x: OnnxValue, *known: OnnxValue | None) -> int:
    for value in known:
        if value is not None and value.shape and isinstance(value.shape[0], int):
            return value.shape[0]
    size = shape_of(x)[1]
    if not isinstance(size, int):
        raise NotExpressible("a normalisation without a weight needs a known number of channels")
    return size


def _per_channel(g: Builder, vector: OnnxValue, x: OnnxValue) -> OnnxValue:
    """A vector of channels in a shape that broadcasts with x."""
    after = rank_of(x) - 2
    return g.Unsqueeze(vector, axes=list(range(1, after + 1))) if after else vector


def _batch_norm(
    g: Builder,
    x: OnnxValue,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    mean: OnnxValue,
    var: OnnxValue,
    eps: float,
) -> OnnxValue:
    if 0 in shape_of(x):
        # Nothing to normalize: PyTorch does not ask for a rank either.
        return x
    if weight is None or bias is None:
        channels = [_channels(x, mean, var, weight, bias)]
        weight = _ones(g, channels, mean.dtype) if weight is None else weight
        bias = _ones(g, channels, mean.dtype, 0.0) if bias is None else bias
    if g.opset < 15:
        # One dtype for all: parameters of models in half precision are often float32.
        weight, bias, mean, var = (g.cast(v, x.dtype) for v in (weight, bias, mean, var))
    else:
        bias = g.cast(bias, weight.dtype)
        mean, var = g.cast(mean, weight.dtype), g.cast(var, weight.dtype)
        if x.dtype == torch.float32 != weight.dtype:
            weight, bias, mean, var = (g.cast(v, x.dtype) for v in (weight, bias, mean, var))
    return g.BatchNormalization(x, weight, bias, mean, var, epsilon=eps)


def _batch_statistics(g: Builder, x: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
    """Mean and (biased) variance of each channel."""
    x = _wide(g, x)
    if rank_of(x) < 2:
        # Only a tensor of nothing has so few axes.
        return x, x
    dims = [axis for axis in range(rank_of(x)) if axis != 1]
    mean = g.ReduceMean(x, axes=dims)
    centred = g.Sub(x, mean)
    variance = g.ReduceMean(g.Mul(centred, centred), axes=dims, keepdims=0)
    return g.Squeeze(mean, axes=dims), variance


def _normalized_batch(
    g: Builder,
    x: OnnxValue,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    running: tuple[OnnxValue | None, OnnxValue | None],
    training: bool,
    eps: float,
) -> tuple[OnnxValue, OnnxValue, OnnxValue]:
    """The result, and the mean and variance that it was made with."""
    mean, var = running
    if training or mean is None or var is None:
        mean, var = _batch_statistics(g, x)
    return _batch_norm(g, x, weight, bias, mean, var, eps), mean, var


def _saved(
    g: Builder, x: OnnxValue, mean: OnnxValue, var: OnnxValue, training: bool, eps: float
) -> Results:
    """What a backward pass would read: nothing in eval mode."""
    if not training:
        empty = g.constant(torch.zeros(0, dtype=_wide(g, x).dtype))
        return [empty, empty]
    deviation = g.Sqrt(g.Add(var, g.like(eps, var)))
    return [mean, g.Reciprocal(deviation)]


def _updated(
    g: Builder,
    x: OnnxValue,
    running: tuple[OnnxValue, OnnxValue],
    mean: OnnxValue,
    var: OnnxValue,
    momentum: float,
) -> Results:
    """The running statistics after this batch; they keep the unbiased variance."""
    dims = [axis for axis in range(rank_of(x)) if axis != 1]
    number = g.scalar(g.product([g.size(x, axis) for axis in dims]), var.dtype)
    unbiased = g.Div(g.Mul(var, number), g.Sub(number, g.like(1.0, var)))
    return [
        g.Add(
            g.Mul(g.cast(old, new.dtype), g.like(1 - momentum, new)),
            g.Mul(new, g.like(momentum, new)),
        )
        for old, new in zip(running, (mean, unbiased), strict=True)
    ]


@aten("batch_norm")
def batch_norm(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    running_mean: OnnxValue | None,
    running_var: OnnxValue | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> OnnxValue:
    running = (running_mean, running_var)
    return _normalized_batch(g, input, weight, bias, running, training, eps)[0]


@aten("native_batch_norm", "_batch_norm_impl_index")
def native_batch_norm(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    running_mean: OnnxValue | None,
    running_var: OnnxValue | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> Results:
    running = (running_mean, running_var)
    y, mean, var = _normalized_batch(g, input, weight, bias, running, training, eps)
    return [y, *_saved(g, input, mean, var, training, eps)]


@aten("_native_batch_norm_legit.no_stats")
def batch_norm_without_statistics(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Results:
    return native_batch_norm(g, input, weight, bias, None, None, True, momentum, eps)


@aten("_native_batch_norm_legit_no_training")
def batch_norm_in_eval_mode(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    running_mean: OnnxValue,
    running_var: OnnxValue,
    momentum: float,
    eps: float,
) -> Results:
    return native_batch_norm(
        g, input, weight, bias, running_mean, running_var, False, momentum, eps
    )


@aten("_batch_norm_no_update")
def batch_norm_no_update(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    running_mean: OnnxValue | None,
    running_var: OnnxValue | None,
    momentum: float,
    eps: float,
) -> Results:
    return native_batch_norm(
        g, input, weight, bias, running_mean, running_var, False, momentum, eps
    )


@aten("cudnn_batch_norm", "miopen_batch_norm")
def batch_norm_of_backends(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue,
    bias: OnnxValue | None,
    running_mean: OnnxValue | None,
    running_var: OnnxValue | None,
    training: bool,
    exponential_average_factor: float,
    epsilon: float,
) -> Results:
    running = (running_mean, running_var)
    return [_normalized_batch(g, input, weight, bias, running, training, epsilon)[0]]


@aten("_native_batch_norm_legit_functional")
def batch_norm_with_update(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    running_mean: OnnxValue,
    running_var: OnnxValue,
    training: bool,
    momentum: float,
    eps: float,
) -> Results:
    running = (running_mean, running_var)
    y, mean, var = _normalized_batch(g, input, weight, bias, running, training, eps)
    after: Results = [running_mean, running_var]
    if training:
        after = _updated(g, input, running, mean, var, momentum)
    return [y, *_saved(g, input, mean, var, training, eps), *after]


@aten("_batch_norm_with_update_functional")
def batch_norm_with_update_and_reserve(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    running_mean: OnnxValue,
    running_var: OnnxValue,
    momentum: float,
    eps: float,
) -> Results:
    y, mean, deviation, *after = batch_norm_with_update(
        g, input, weight, bias, running_mean, running_var, True, momentum, eps
    )
    reserve = g.constant(torch.zeros(0, dtype=torch.uint8))
    return [y, mean, deviation, reserve, *after]


# Samples and groups of their channels.


@aten("instance_norm")
def instance_norm(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    running_mean: OnnxValue | None,
    running_var: OnnxValue | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> OnnxValue:
    if not use_input_stats:
        return batch_norm(g, input, weight, bias, running_mean, running_var, False, momentum, eps)
    refuse_complex(input)
    if input.dtype == torch.float64:
        return _affine_channels(g, _centred_and_scaled(g, input, eps), weight, bias)
    channels = [_channels(input, weight, bias)] if weight is None or bias is None else []
    scale = _ones(g, channels, input.dtype) if weight is None else g.cast(weight, input.dtype)
    shift = _ones(g, channels, input.dtype, 0.0) if bias is None else g.cast(bias, input.dtype)
    return g.InstanceNormalization(input, scale, shift, epsilon=eps)


def _centred_and_scaled(g: Builder, x: OnnxValue, eps: float) -> OnnxValue:
    """Each channel of each sample; ONNX Runtime has no InstanceNormalization of float64."""
    dims = list(range(2, rank_of(x)))
    centred = g.Sub(x, g.ReduceMean(x, axes=dims))
    variance = g.ReduceMean(g.Mul(centred, centred), axes=dims)
    return g.Div(centred, g.Sqrt(g.Add(variance, g.like(eps, x))))


def _affine_channels(
    g: Builder, x: OnnxValue, weight: OnnxValue | None, bias: OnnxValue | None
) -> OnnxValue:
    vectors = [None if v is None else _per_channel(g, v, x) for v in (weight, bias)]
    return _affine(g, x, *vectors)


@aten("group_norm")
def group_norm(
    g: Builder,
    input: OnnxValue,
    num_groups: int,
    weight: OnnxValue | None = None,
    bias: OnnxValue | None = None,
    eps: float = 1e-05,
    cudnn_enabled: bool = True,
) -> OnnxValue:
    """Groups as the channels of an InstanceNormalization.

    At no opset as a GroupNormalization: ONNX Runtime 1.32 takes that to thirty pieces, twice as
    slow, and its variance ``E[x²] - E[x]²`` loses the digits of data far from zero.
    """
    shape = shape_of(input)
    if shape[1] == num_groups:
        normal = instance_norm(g, _with_space(g, input), None, None, None, None, True, 0.0, eps)
        normal = normal if len(shape) > 2 else g.Squeeze(normal, axes=[2])
    else:
        grouped = g.reshape(input, [g.size(input, 0), num_groups, -1])
        normal = instance_norm(g, grouped, None, None, None, None, True, 0.0, eps)
        normal = _with_shape_of(g, normal, input)
    return _affine_channels(g, normal, weight, bias)


def _with_shape_of(g: Builder, x: OnnxValue, other: OnnxValue) -> OnnxValue:
    """x, which has the batch of other, in its shape."""
    if sum(not isinstance(size, int) for size in shape_of(other)[1:]) > 1:
        return g.Reshape(x, g.Shape(other))
    return g.reshape(x, g.sizes(other))


def _with_space(g: Builder, x: OnnxValue) -> OnnxValue:
    return x if rank_of(x) > 2 else g.Unsqueeze(x, axes=[2])


@aten("native_group_norm")
def native_group_norm(
    g: Builder,
    input: OnnxValue,
    weight: OnnxValue | None,
    bias: OnnxValue | None,
    N: Any,
    C: Any,
    HxW: Any,
    group: int,
    eps: float,
    result: list[OnnxValue | None],
) -> Results:
    y = group_norm(g, input, group, weight, bias, eps)
    if result[1] is None and result[2] is None:
        return [y]
    x = g.reshape(_wide(g, input), [g.size(input, 0), group, -1])
    mean = g.ReduceMean(x, axes=[2])
    centred = g.Sub(x, mean)
    variance = g.ReduceMean(g.Mul(centred, centred), axes=[2], keepdims=0)
    deviation = g.Sqrt(g.Add(variance, g.like(eps, x)))
    return [y, g.Squeeze(mean, axes=[2]), g.Reciprocal(deviation)]


# Weights.


@aten("_weight_norm")
def weight_norm(g: Builder, v: OnnxValue, g_: OnnxValue, dim: int = 0) -> OnnxValue:
    return g.Mul(v, g.Div(g_, norm_except_dim(g, v, 2, dim)))


@aten("_weight_norm_interface")
def weight_norm_interface(g: Builder, v: OnnxValue, g_: OnnxValue, dim: int = 0) -> Results:
    norms = norm_except_dim(g, v, 2, dim)
    return [g.Mul(v, g.Div(g_, norms)), norms]


@aten("norm_except_dim")
def norm_except_dim(g: Builder, v: OnnxValue, pow: int = 2, dim: int = 0) -> OnnxValue:
    """A norm for each place along ``dim``, all axes kept; of everything for a dim of -1."""
    if pow not in (1, 2):
        raise NotExpressible("norm_except_dim is translated for the powers 1 and 2")
    if dim == -1:
        return reduce(g, f"ReduceL{pow}", v)
    axes = [axis for axis in range(rank_of(v)) if axis != dim % rank_of(v)]
    return reduce(g, f"ReduceL{pow}", v, axes, keepdim=True) if axes else g.Abs(v)
