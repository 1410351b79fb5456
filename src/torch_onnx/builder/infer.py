"""Shapes of ONNX nodes that translations make on the way.

Results of whole calls get their shape from the captured program; this table serves the values
in between, so it may say None (unknown) but never something wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from torch_onnx.builder.values import KnownSize, OnnxValue
from torch_onnx.graph import Dim

Shape: TypeAlias = "tuple[KnownSize, ...] | None"
Inputs: TypeAlias = "Sequence[OnnxValue | None]"
Rule: TypeAlias = Callable[[Inputs, dict[str, Any]], "list[Shape]"]


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """The shape that numpy's broadcasting gives."""
    known = [s for s in shapes if s is not None]
    if len(known) != len(shapes) or not known:
        return None
    rank = max(len(s) for s in known)
    return tuple(
        _broadcast_sizes([s[i - rank + len(s)] for s in known if i >= rank - len(s)])
        for i in range(rank)
    )


def _broadcast_sizes(sizes: Sequence[KnownSize]) -> KnownSize:
    others = [s for s in sizes if s != 1]
    if not others:
        return 1
    fixed = [s for s in others if isinstance(s, int)]
    if fixed:
        return fixed[0]
    first = others[0]
    return first if all(s == first for s in others) else None


def constant_list(value: OnnxValue | None) -> list[int] | None:
    """The integers of a constant input, None where it is not constant."""
    if value is None or value.constant is None:
        return None
    numbers: list[int] = value.constant.reshape(-1).tolist()
    return numbers


def shape_of(value: OnnxValue | None) -> Shape:
    return None if value is None else value.shape


def _same(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    return [shape_of(inputs[0])]


def _broadcast(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    return [broadcast([shape_of(i) for i in inputs])]


def _argument(name: str, position: int, inputs: Inputs, attributes: dict[str, Any]) -> Any:
    """An argument that is an attribute in old opsets and an input in new ones."""
    if name in attributes:
        return list(attributes[name])
    if len(inputs) > position and inputs[position] is not None:
        return constant_list(inputs[position])
    return ()


def _reduce(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape = shape_of(inputs[0])
    axes = _argument("axes", 1, inputs, attributes)
    keep = attributes.get("keepdims", 1)
    if shape is None or axes is None:
        return [None]
    rank = len(shape)
    if not axes and attributes.get("noop_with_empty_axes", 0):
        return [shape]
    reduced = {a % rank for a in axes} if axes else set(range(rank))
    sizes = [1 if i in reduced else s for i, s in enumerate(shape)]
    return [tuple(s for i, s in enumerate(sizes) if keep or i not in reduced)]


def _arg_reduce(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    return _reduce(inputs[:1], {"axes": [attributes.get("axis", 0)], **attributes})


def _squeeze(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape = shape_of(inputs[0])
    axes = _argument("axes", 1, inputs, attributes)
    if shape is None or axes is None or not axes:
        return [None]
    dropped = {a % len(shape) for a in axes}
    return [tuple(s for i, s in enumerate(shape) if i not in dropped)]


def _unsqueeze(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape = shape_of(inputs[0])
    axes = _argument("axes", 1, inputs, attributes)
    if shape is None or axes is None:
        return [None]
    rank = len(shape) + len(axes)
    added = {a % rank for a in axes}
    rest = iter(shape)
    return [tuple(1 if i in added else next(rest) for i in range(rank))]


def _transpose(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape = shape_of(inputs[0])
    if shape is None:
        return [None]
    perm = attributes.get("perm") or range(len(shape) - 1, -1, -1)
    return [tuple(shape[p] for p in perm)]


def _reshape(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    target = constant_list(inputs[1])
    shape = shape_of(inputs[0])
    if target is None:
        vector = shape_of(inputs[1])
        length = vector[0] if vector else None
        return [(None,) * length if isinstance(length, int) else None]
    copies = not attributes.get("allowzero", 0)
    sizes: list[KnownSize] = []
    for i, size in enumerate(target):
        if size == 0 and copies:
            sizes.append(shape[i] if shape is not None else None)
        else:
            sizes.append(None if size == -1 else size)
    if -1 in target and shape is not None:
        hole = target.index(-1)
        taken = [s for i, s in enumerate(sizes) if i != hole]
        rest = list(shape)
        for known in [s for s in taken if isinstance(s, Dim)]:
            if known in rest:
                rest.remove(known)
                taken.remove(known)
        if all(isinstance(s, int) for s in taken):
            divisor = math.prod(s for s in taken if isinstance(s, int))
            if all(isinstance(s, int) for s in rest):
                total = math.prod(s for s in rest if isinstance(s, int))
                sizes[hole] = total // divisor if divisor else None
            else:
                fixed = math.prod(s for s in rest if isinstance(s, int))
                loose = [s for s in rest if not isinstance(s, int)]
                if fixed == divisor and len(loose) == 1:
                    sizes[hole] = loose[0]
    return [tuple(sizes)]


def _expand(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    target = constant_list(inputs[1])
    if target is None:
        sizes, length = shape_of(inputs[0]), shape_of(inputs[1])
        if sizes is None or length is None or not isinstance(length[0], int):
            return [None]
        return [(None,) * max(len(sizes), length[0])]
    return [broadcast([shape_of(inputs[0]), tuple(target)])]


def _concat(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shapes = [shape_of(i) for i in inputs]
    first = shapes[0]
    if first is None or any(s is None for s in shapes):
        return [None]
    axis = attributes["axis"] % len(first)
    along = [s[axis] for s in shapes if s is not None]
    total: KnownSize = sum(s for s in along if isinstance(s, int))
    if not all(isinstance(s, int) for s in along):
        total = None
    return [(*first[:axis], total, *first[axis + 1 :])]


def _gather(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    data, indices = shape_of(inputs[0]), shape_of(inputs[1])
    if data is None or indices is None:
        return [None]
    axis = attributes.get("axis", 0) % len(data)
    return [(*data[:axis], *indices, *data[axis + 1 :])]


def _like_second(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    return [shape_of(inputs[1])]


def _gather_nd(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    data, indices = shape_of(inputs[0]), shape_of(inputs[1])
    if data is None or indices is None or not isinstance(indices[-1], int):
        return [None]
    batch = attributes.get("batch_dims", 0)
    return [(*indices[:-1], *data[batch + indices[-1] :])]


def _matmul(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    a, b = shape_of(inputs[0]), shape_of(inputs[1])
    if a is None or b is None or not a or not b:
        return [None]
    rows = a[-2:-1]
    columns = b[-1:] if len(b) > 1 else ()
    batch = broadcast([a[:-2], b[:-2]])
    return [None if batch is None else (*batch, *rows, *columns)]


def _gemm(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    a, b = shape_of(inputs[0]), shape_of(inputs[1])
    if a is None or b is None:
        return [None]
    return [(a[1 if attributes.get("transA") else 0], b[0 if attributes.get("transB") else 1])]


def _slice(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape = shape_of(inputs[0])
    axes = constant_list(inputs[3]) if len(inputs) > 3 and inputs[3] is not None else None
    if shape is None or axes is None:
        return [None if shape is None else (None,) * len(shape)]
    sizes = list(shape)
    starts, ends = constant_list(inputs[1]), constant_list(inputs[2])
    steps = (
        constant_list(inputs[4]) if len(inputs) > 4 and inputs[4] is not None else [1] * len(axes)
    )
    for i, axis in enumerate(axes):
        size = sizes[axis]
        if starts is None or ends is None or steps is None or not isinstance(size, int):
            sizes[axis] = None
        else:
            sizes[axis] = (
                len(range(size)[slice(starts[i], ends[i], steps[i])]) if steps[i] > 0 else None
            )
    return [tuple(sizes)]


def _shape(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape = shape_of(inputs[0])
    if shape is None:
        return [(None,)]
    bounds = slice(attributes.get("start", 0), attributes.get("end"))
    return [(len(range(len(shape))[bounds]),)]


def _scalar(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    return [()]


def _filled(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    target = constant_list(inputs[0])
    if target is not None:
        return [tuple(target)]
    length = shape_of(inputs[0])
    return [(None,) * length[0] if length is not None and isinstance(length[0], int) else None]


def _range(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    bounds = [constant_list(i) for i in inputs]
    if any(bound is None for bound in bounds):
        return [(None,)]
    (start,), (limit,), (delta,) = (bound or [0] for bound in bounds)
    return [(max(math.ceil((limit - start) / delta), 0),)]


def _compress(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape, axis = shape_of(inputs[0]), attributes.get("axis")
    if axis is None or shape is None:
        return [(None,) if axis is None else None]
    axis %= len(shape)
    return [(*shape[:axis], None, *shape[axis + 1 :])]


def _tile(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape, repeats = shape_of(inputs[0]), constant_list(inputs[1])
    if shape is None:
        return [None]
    counts = repeats or [0] * len(shape)
    return [
        tuple(
            size if count == 1 else size * count if isinstance(size, int) and repeats else None
            for size, count in zip(shape, counts, strict=True)
        )
    ]


def _pad(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape, pads = shape_of(inputs[0]), constant_list(inputs[1])
    if shape is None or len(inputs) > 3:
        return [None if shape is None else (None,) * len(shape)]
    added = pads or [-1] * (2 * len(shape))
    rank = len(shape)
    sizes: list[KnownSize] = []
    for axis, size in enumerate(shape):
        total = added[axis] + added[axis + rank]
        if added[axis] == added[axis + rank] == 0:
            sizes.append(size)
        else:
            sizes.append(size + total if isinstance(size, int) and pads else None)
    return [tuple(sizes)]


def _space_to_depth(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape, block = shape_of(inputs[0]), attributes["blocksize"]
    if shape is None:
        return [None]
    batch, channels, *space = shape
    wide = channels * block * block if isinstance(channels, int) else None
    return [(batch, wide, *(s // block if isinstance(s, int) else None for s in space))]


def _depth_to_space(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape, block = shape_of(inputs[0]), attributes["blocksize"]
    if shape is None:
        return [None]
    batch, channels, *space = shape
    narrow = channels // (block * block) if isinstance(channels, int) else None
    return [(batch, narrow, *(s * block if isinstance(s, int) else None for s in space))]


def _nonzero(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape = shape_of(inputs[0])
    return [(None if shape is None else len(shape), None)]


def _topk(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape, k = shape_of(inputs[0]), constant_list(inputs[1])
    if shape is None:
        return [None, None]
    sizes = list(shape)
    sizes[attributes.get("axis", -1)] = k[0] if k else None
    return [tuple(sizes)] * 2


def _layer_normalization(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    return [shape_of(inputs[0]), None, None]


def _recurrent(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape, hidden = shape_of(inputs[0]), attributes["hidden_size"]
    time, batch, _ = shape if shape is not None else (None, None, None)
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    last = (directions, batch, hidden)
    return [(time, *last), last, last]


def _non_max_suppression(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    return [(None, 3)]


def _convolution(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    """Batch and channels; sizes in space are told by the call that the node stands for."""
    shape, weight = shape_of(inputs[0]), shape_of(inputs[1])
    if shape is None:
        return [None]
    return [(shape[0], None if weight is None else weight[0], *[None] * (len(shape) - 2))]


def _pooling(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape = shape_of(inputs[0])
    if shape is None:
        return [None, None]
    return [(*shape[:2], *[None] * (len(shape) - 2))] * 2


def _global_pooling(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    shape = shape_of(inputs[0])
    return [None if shape is None else (*shape[:2], *[1] * (len(shape) - 2))]


def _one_hot(inputs: Inputs, attributes: dict[str, Any]) -> list[Shape]:
    indices, depth = shape_of(inputs[0]), constant_list(inputs[1])
    if indices is None:
        return [None]
    axis = attributes.get("axis", -1) % (len(indices) + 1)
    return [(*indices[:axis], depth[0] if depth else None, *indices[axis:])]


def _table() -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    same = (
        "Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Cast Ceil Celu Clip Cos Cosh CumSum "
        "CumProd DequantizeLinear Elu Erf Exp QuantizeLinear "
        "Floor Gelu HardSigmoid HardSwish Hardmax Identity IsInf IsNaN LeakyRelu Log LogSoftmax "
        "LpNormalization Mish Neg Not Reciprocal Relu Round ScatterElements ScatterND Selu Shrink "
        "Sigmoid Sign Sin Sinh Softmax Softplus Softsign Sqrt Tan Tanh ThresholdedRelu Trilu "
        "InstanceNormalization GroupNormalization RMSNormalization RandomNormalLike "
        "RandomUniformLike Bernoulli Swish CastLike BitCast ReverseSequence RotaryEmbedding "
        "EyeLike QuantizeLinear DequantizeLinear LRN MeanVarianceNormalization"
    )
    rules.update(dict.fromkeys(same.split(), _same))
    elementwise = (
        "Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual Less "
        "LessOrEqual Max Mean Min Mod Mul Or Pow PRelu Sub Sum Where Xor"
    )
    rules.update(dict.fromkeys(elementwise.split(), _broadcast))
    reductions = "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare"
    rules.update({f"Reduce{name}": _reduce for name in reductions.split()})
    rules.update(
        ArgMax=_arg_reduce,
        ArgMin=_arg_reduce,
        Squeeze=_squeeze,
        Unsqueeze=_unsqueeze,
        Transpose=_transpose,
        Reshape=_reshape,
        AveragePool=_pooling,
        Compress=_compress,
        Conv=_convolution,
        DepthToSpace=_depth_to_space,
        Expand=_expand,
        Concat=_concat,
        Gather=_gather,
        GlobalAveragePool=_global_pooling,
        GlobalMaxPool=_global_pooling,
        GatherElements=_like_second,
        GatherND=_gather_nd,
        MatMul=_matmul,
        MaxPool=_pooling,
        Gemm=_gemm,
        Slice=_slice,
        Shape=_shape,
        Size=_scalar,
        ConstantOfShape=_filled,
        NonMaxSuppression=_non_max_suppression,
        NonZero=_nonzero,
        Pad=_pad,
        Range=_range,
        SpaceToDepth=_space_to_depth,
        Tile=_tile,
        TopK=_topk,
        LayerNormalization=_layer_normalization,
        OneHot=_one_hot,
        GRU=_recurrent,
        LSTM=_recurrent,
        RNN=_recurrent,
    )
    return rules


RULES: dict[str, Rule] = _table()
