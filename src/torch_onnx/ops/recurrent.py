"""Recurrent layers and cells, and packed sequences.

Inside, sequences are ``[time, batch, features]``, as ONNX's LSTM, GRU and RNN have them. A packed
sequence is padded again for these and given with its lengths; they skip what is past the end, in
both directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.stored import stored
from torch_onnx.builder.values import MadeBy
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import rank_of, shape_of, sizes_of
from torch_onnx.ops.creation import filled
from torch_onnx.ops.dropout import dropout
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder
    from torch_onnx.builder.values import Integer, Number, OnnxValue

aten = OpTable("recurrent")

# What made the sizes of a packed sequence's steps, with the mask it was packed by.
PACKED = "packed"


@dataclass(frozen=True, slots=True)
class Kind:
    """An ONNX operator: PyTorch's gates in its order, and its attributes for one direction."""

    operator: str
    gates: tuple[int, ...]
    activation: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


# input, forget, cell, output → input, output, forget, cell; reset, update, new → update, reset, new
LSTM = Kind("LSTM", (0, 3, 1, 2))
GRU = Kind("GRU", (1, 0, 2), attributes={"linear_before_reset": 1})
TANH = Kind("RNN", (0,))
RELU = Kind("RNN", (0,), "Relu")
ONE_STATE = {"gru": GRU, "rnn_tanh": TANH, "rnn_relu": RELU}


@dataclass(frozen=True, slots=True)
class Stacked:
    """Weights of all directions as one: gates in ONNX's order, a first axis for the direction."""

    gates: tuple[int, ...]
    directions: int

    def __call__(self, **parts: torch.Tensor) -> torch.Tensor:
        ordered = []
        for part in parts.values():
            gates = part.chunk(len(self.gates))
            ordered += [gates[i] for i in self.gates]
        return torch.cat(ordered).reshape(self.directions, -1, *ordered[0].shape[1:])


@dataclass(frozen=True, slots=True)
class Recurrent:
    """Weights on the last output, where that is projected: ``w_hh (w_hr u) = (w_hh w_hr) u``."""

    stacked: Stacked

    def __call__(self, **parts: torch.Tensor) -> torch.Tensor:
        given = list(parts.values())
        pairs = zip(given[0::2], given[1::2], strict=True)
        products = [(w_hh.double() @ w_hr.double()).to(w_hh.dtype) for w_hh, w_hr in pairs]
        return self.stacked(**{f"part{i}": product for i, product in enumerate(products)})


@dataclass(frozen=True, slots=True)
class Projection:
    """The projections of all directions, to be multiplied with from the right."""

    def __call__(self, **parts: torch.Tensor) -> torch.Tensor:
        return torch.stack([part.t() for part in parts.values()])


def _weight(
    g: Builder, parts: Sequence[OnnxValue], gates: tuple[int, ...], directions: int
) -> OnnxValue:
    """``parts`` (all of one direction, then all of the other) as ONNX has them."""
    rows, *rest = _known(parts[0])
    sizes = (directions, rows * len(parts) // directions, *rest)
    made = stored(g, parts, Stacked(gates, directions), sizes)
    if made is not None:
        return made
    ordered: list[OnnxValue] = []
    for part in parts:
        if len(gates) == 1:
            ordered.append(part)
            continue
        each = g.Split(part, split=[rows // len(gates)] * len(gates), axis=0, outputs=len(gates))
        ordered += [each[i] for i in gates]
    return g.Reshape(g.Concat(*ordered, axis=0), list(sizes))


def _known(x: OnnxValue) -> list[int]:
    sizes = [size for size in shape_of(x) if isinstance(size, int)]
    if len(sizes) != rank_of(x):
        raise NotExpressible("recurrent weights need sizes known when the model is exported")
    return sizes


def _is_zero(x: OnnxValue) -> bool:
    """Whether x is known to be zeros, which ONNX's operators start from by themselves."""
    if x.constant is not None:
        return not bool(x.constant.any())
    made = x.made_by
    if made is None:
        return False
    if made.operator == "ConstantOfShape":
        value = made.attributes.get("value")
        return value is None or not bool(value.any())
    source = made.inputs[0] if made.operator in ("Cast", "Expand", "Unsqueeze") else None
    return source is not None and _is_zero(source)


def _one_layer(
    g: Builder,
    kind: Kind,
    x: OnnxValue,
    states: Sequence[OnnxValue | None],
    params: Sequence[OnnxValue],
    directions: int = 1,
    lengths: OnnxValue | None = None,
) -> tuple[OnnxValue, ...]:
    """``[time, directions, batch, hidden]`` and the last states ``[directions, batch, hidden]``.

    ``params`` are w_ih, w_hh, then b_ih, b_hh and w_hr where there are such, of each direction.
    """
    each = len(params) // directions
    biases = [
        b for i in range(directions) for b in params[i * each + 2 : (i + 1) * each] if b.rank == 1
    ]
    projections = params[each - 1 :: each] if each % 2 else []
    names = ("initial_h", "initial_c")
    gates = len(kind.gates)
    made: tuple[OnnxValue, ...] = g.node(
        kind.operator,
        x,
        _weight(g, params[0::each], kind.gates, directions),
        _recurrent_weight(g, params[1::each], projections, kind.gates, directions),
        _weight(g, biases, kind.gates, directions) if biases else None,
        lengths,
        hidden_size=_known(params[0])[0] // gates,
        direction="forward" if directions == 1 else "bidirectional",
        activations=[kind.activation] * directions if kind.activation else None,
        outputs=3 if kind is LSTM else 2,
        **kind.attributes,
        **dict(zip(names, states, strict=False)),
    )
    if not projections:
        return made
    if states[0] is not None:
        # The state before its projection, which ONNX's operator starts from, is not known.
        raise NotExpressible("an LSTM with projections (proj_size) can only start from zeros")
    projection = _projection(g, projections)
    return (g.MatMul(made[0], projection), g.MatMul(made[1], projection), *made[2:])


def _recurrent_weight(
    g: Builder,
    weights: Sequence[OnnxValue],
    projections: Sequence[OnnxValue],
    gates: tuple[int, ...],
    directions: int,
) -> OnnxValue:
    if not projections:
        return _weight(g, weights, gates, directions)
    pairs = list(zip(weights, projections, strict=True))
    sizes = (directions, _known(weights[0])[0], _known(projections[0])[1])
    parts = [part for pair in pairs for part in pair]
    made = stored(g, parts, Recurrent(Stacked(gates, directions)), sizes)
    return made or _weight(g, [g.MatMul(*pair) for pair in pairs], gates, directions)


def _projection(g: Builder, projections: Sequence[OnnxValue]) -> OnnxValue:
    rows, columns = _known(projections[0])
    made = stored(g, projections, Projection(), (len(projections), columns, rows))
    if made is not None:
        return made
    turned = [g.Unsqueeze(g.Transpose(w, perm=[1, 0]), axes=[0]) for w in projections]
    return g.Concat(*turned, axis=0)


def _layers(
    g: Builder,
    kind: Kind,
    x: OnnxValue,
    states: Sequence[OnnxValue],
    params: Sequence[OnnxValue],
    num_layers: int,
    dropout_rate: float,
    bidirectional: bool,
    batch_first: bool = False,
    lengths: OnnxValue | None = None,
) -> tuple[OnnxValue, ...]:
    """All layers, with dropout in between: the last one's outputs, and the last states of each."""
    directions = 2 if bidirectional else 1
    each = len(params) // num_layers
    starts = [_split(g, state, num_layers, directions) for state in states]
    x = g.Transpose(x, perm=[1, 0, 2]) if batch_first else x
    finals: list[tuple[OnnxValue, ...]] = []
    for layer in range(num_layers):
        own = params[layer * each : (layer + 1) * each]
        first = [start[layer] for start in starts]
        y, *last = _one_layer(g, kind, x, first, own, directions, lengths)
        finals.append(tuple(last))
        if batch_first and layer == num_layers - 1:
            x = _merged(g, y, [2, 0, 1, 3], directions, _known(own[1])[1])
        elif bidirectional:
            x = _merged(g, y, [0, 2, 1, 3], directions, _known(own[1])[1])
        else:
            x = g.Squeeze(y, axes=[1])
        if layer < num_layers - 1:
            x = dropout(g, x, dropout_rate, train=True)
    return (x, *(g.Concat(*parts, axis=0) for parts in zip(*finals, strict=True)))


def _merged(g: Builder, y: OnnxValue, perm: list[int], directions: int, hidden: int) -> OnnxValue:
    return g.Reshape(g.Transpose(y, perm=perm), [0, 0, directions * hidden])


def _split(
    g: Builder, state: OnnxValue, num_layers: int, directions: int
) -> Sequence[OnnxValue | None]:
    """The first states of each layer; None for zeros."""
    if _is_zero(state):
        return [None] * num_layers
    if num_layers == 1:
        return [state]
    parts: tuple[OnnxValue, ...] = g.Split(
        state, split=[directions] * num_layers, axis=0, outputs=num_layers
    )
    return parts


# Layers.


@aten("lstm.input")
def lstm(
    g: Builder,
    input: OnnxValue,
    hx: Sequence[OnnxValue],
    params: Sequence[OnnxValue],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[OnnxValue, ...]:
    rate = dropout if train else 0.0
    return _layers(g, LSTM, input, hx, params, num_layers, rate, bidirectional, batch_first)


@aten("lstm.data")
def lstm_packed(
    g: Builder,
    data: OnnxValue,
    batch_sizes: OnnxValue,
    hx: Sequence[OnnxValue],
    params: Sequence[OnnxValue],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> tuple[OnnxValue, ...]:
    rate = dropout if train else 0.0
    return _packed(g, LSTM, data, batch_sizes, hx, params, num_layers, rate, bidirectional)


def _packed(
    g: Builder,
    kind: Kind,
    data: OnnxValue,
    batch_sizes: OnnxValue,
    states: Sequence[OnnxValue],
    params: Sequence[OnnxValue],
    num_layers: int,
    dropout_rate: float,
    bidirectional: bool,
) -> tuple[OnnxValue, ...]:
    mask = _mask(g, batch_sizes)
    places = _places(g, mask)
    x = _unpacked(g, data, places, batch_sizes)
    lengths = g.cast(_count(g, mask, 0), torch.int32)
    y, *finals = _layers(
        g, kind, x, states, params, num_layers, dropout_rate, bidirectional, lengths=lengths
    )
    return (g.GatherND(y, places), *finals)


def _register(name: str, kind: Kind) -> None:
    """The layers and cells of one state. (They differ in the operator alone.)"""

    @aten(f"{name}.input")
    def layers(
        g: Builder,
        input: OnnxValue,
        hx: OnnxValue,
        params: Sequence[OnnxValue],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> tuple[OnnxValue, ...]:
        rate = dropout if train else 0.0
        return _layers(g, kind, input, [hx], params, num_layers, rate, bidirectional, batch_first)

    @aten(f"{name}.data")
    def packed(
        g: Builder,
        data: OnnxValue,
        batch_sizes: OnnxValue,
        hx: OnnxValue,
        params: Sequence[OnnxValue],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
    ) -> tuple[OnnxValue, ...]:
        rate = dropout if train else 0.0
        return _packed(g, kind, data, batch_sizes, [hx], params, num_layers, rate, bidirectional)

    @aten(f"{name}_cell")
    def cell(
        g: Builder,
        input: OnnxValue,
        hx: OnnxValue,
        w_ih: OnnxValue,
        w_hh: OnnxValue,
        b_ih: OnnxValue | None = None,
        b_hh: OnnxValue | None = None,
    ) -> OnnxValue:
        return _one_step(g, kind, input, [hx], [w_ih, w_hh, b_ih, b_hh])[0]


for _name, _kind in ONE_STATE.items():
    _register(_name, _kind)


# Cells: a layer of one step.


@aten("lstm_cell")
def lstm_cell(
    g: Builder,
    input: OnnxValue,
    hx: Sequence[OnnxValue],
    w_ih: OnnxValue,
    w_hh: OnnxValue,
    b_ih: OnnxValue | None = None,
    b_hh: OnnxValue | None = None,
) -> tuple[OnnxValue, ...]:
    return _one_step(g, LSTM, input, hx, [w_ih, w_hh, b_ih, b_hh])


def _one_step(
    g: Builder,
    kind: Kind,
    x: OnnxValue,
    states: Sequence[OnnxValue],
    params: Sequence[OnnxValue | None],
) -> tuple[OnnxValue, ...]:
    given = [param for param in params if param is not None]
    if len(given) == 3:
        raise NotExpressible("a recurrent cell with one of its two biases is not translated")
    if rank_of(x) != 2:
        raise NotExpressible("a recurrent cell needs a batch")
    starts = [None if _is_zero(s) else g.Unsqueeze(s, axes=[0]) for s in states]
    _, *finals = _one_layer(g, kind, g.Unsqueeze(x, axes=[0]), starts, given)
    return tuple(g.Squeeze(final, axes=[0]) for final in finals)


# Packed sequences: step after step, the members of the batch that are long enough to have it.


@aten("_pack_padded_sequence")
def pack(
    g: Builder, input: OnnxValue, lengths: OnnxValue, batch_first: bool, result: list[OnnxValue]
) -> tuple[OnnxValue, OnnxValue]:
    if result[1].dtype != torch.int64:
        # torch.export takes the sum of the lengths for another size then, too.
        raise NotExpressible('torch.export does not know packed sequences; use strategy="trace"')
    x = _time_first(g, input) if batch_first else input
    lengths = g.cast(lengths, torch.int64)
    # They are sorted, longest first: PyTorch raises otherwise.
    steps = g.Range(0, g.Gather(lengths, 0), 1)
    mask = g.Less(g.Unsqueeze(steps, axes=[1]), lengths)
    batch_sizes = _count(g, mask, 1)
    batch_sizes.made_by = MadeBy(PACKED, (mask,), {})
    return g.GatherND(x, _places(g, mask)), batch_sizes


@aten("_pad_packed_sequence")
def pad(
    g: Builder,
    data: OnnxValue,
    batch_sizes: OnnxValue,
    batch_first: bool,
    padding_value: Number,
    total_length: Integer,
) -> tuple[OnnxValue, OnnxValue]:
    mask = _mask(g, batch_sizes)
    given = not isinstance(total_length, int) or total_length > 0
    steps = total_length if given else g.size(batch_sizes, 0)
    padded = _spread(g, data, _places(g, mask), batch_sizes, steps, padding_value)
    return _time_first(g, padded) if batch_first else padded, _count(g, mask, 0)


def _time_first(g: Builder, x: OnnxValue) -> OnnxValue:
    return g.Transpose(x, perm=[1, 0, *range(2, rank_of(x))])


def _mask(g: Builder, batch_sizes: OnnxValue) -> OnnxValue:
    """``[time, batch]``: who has which step. The very one it was packed by, where that is known."""
    made = batch_sizes.made_by
    if made is not None and made.operator == PACKED and made.inputs[0] is not None:
        return made.inputs[0]
    members = g.Range(0, g.Gather(batch_sizes, 0), 1)
    return g.Less(members, g.Unsqueeze(batch_sizes, axes=[1]))


def _count(g: Builder, mask: OnnxValue, axis: int) -> OnnxValue:
    return g.ReduceSum(g.cast(mask, torch.int64), axes=[axis], keepdims=0)


def _places(g: Builder, mask: OnnxValue) -> OnnxValue:
    """Step and member of each element of the packed sequence, in its order: ``[elements, 2]``."""
    return g.Transpose(g.NonZero(mask), perm=[1, 0])


def _unpacked(g: Builder, data: OnnxValue, places: OnnxValue, batch_sizes: OnnxValue) -> OnnxValue:
    """``[time, batch, features]``, whatever lies past the ends."""
    made = data.made_by
    if made is not None and made.operator == "GatherND" and made.inputs[1] is places:
        source = made.inputs[0]
        if source is not None:
            return source
    return _spread(g, data, places, batch_sizes, g.size(batch_sizes, 0), 0)


def _spread(
    g: Builder,
    data: OnnxValue,
    places: OnnxValue,
    batch_sizes: OnnxValue,
    steps: Integer,
    padding: Number,
) -> OnnxValue:
    batch = g.Gather(batch_sizes, [0])
    batch.is_number = True
    shape = g.vector([steps, batch, *sizes_of(g, data)[1:]])
    return g.ScatterND(filled(g, shape, padding, data.dtype), places, data)
