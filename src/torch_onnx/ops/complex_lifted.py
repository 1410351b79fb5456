"""Translations of real tensors that serve complex ones too.

- What moves or adds elements does so with the real parts, then with the imaginary ones.
- A product is a sum of products of parts, for any operator that is linear in each factor.
- What only asks which elements are not zero is told so.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from torch_onnx.builder.dtypes import real_of
from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.table import OpTable, Translation

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

Names: TypeAlias = tuple[str, ...]
Lift: TypeAlias = Callable[[Translation, Names], Translation]

# Operators by the arguments that the elements of the result come from. Of the other arguments
# (indices, masks, tensors whose shape is asked for) the real part says all.
BY_PARTS: dict[Names, str] = {
    ("self", "tensors", "src", "source", "value", "values", "other"): """
        view _unsafe_view view_copy reshape _reshape_alias flatten.using_ints ravel unflatten.int
        unsqueeze squeeze squeeze.dim squeeze.dims atleast_1d atleast_2d atleast_3d
        atleast_1d.Sequence atleast_2d.Sequence atleast_3d.Sequence permute transpose.int swapaxes
        swapdims mT mT.a t numpy_T numpy_T.a movedim.int moveaxis.int movedim.intlist
        moveaxis.intlist pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle expand
        expand_copy broadcast_to broadcast_tensors meshgrid meshgrid.indexing repeat tile
        repeat_interleave.self_int repeat_interleave.self_Tensor
        slice.Tensor narrow narrow_copy narrow.Tensor select.int flip fliplr flipud rot90 roll
        unfold unfold_copy diagonal diag_embed diag diagflat select_scatter slice_scatter
        diagonal_scatter copy
        cat concat concatenate stack hstack vstack row_stack dstack column_stack block_diag
        split.Tensor unsafe_split.Tensor split_with_sizes unsafe_split_with_sizes split split.sizes
        chunk unsafe_chunk tensor_split.sections tensor_split.indices
        tensor_split.tensor_indices_or_sections hsplit.int hsplit.array vsplit.int vsplit.array
        dsplit.int dsplit.array unbind.int
        index.Tensor_hacked_twin _unsafe_index.Tensor_hacked_twin index.Tensor
        _unsafe_index.Tensor index_select take gather take_along_dim masked_fill.Scalar
        masked_fill.Tensor masked_select where.self where.ScalarOther where.ScalarSelf where.Scalar
        index_put _unsafe_index_put index_put.hacked_twin _unsafe_index_put.hacked_twin
        _index_put_impl masked_scatter put index_copy index_fill.int_Scalar index_fill.int_Tensor
        scatter.src scatter.value scatter_add tril triu
        constant_pad_nd pad _pad_enum _pad_circular reflection_pad1d reflection_pad2d
        reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
        as_strided_scatter resize
        sum sum.dim_IntList mean mean.dim cumsum neg lift lift_fresh lift_fresh_copy positive
        resolve_neg alias clone contiguous detach detach_copy
    """,
    ("self",): "view_as reshape_as expand_as",
    ("A",): "linalg_diagonal",
    ("weight",): "embedding",
    ("start", "end"): """
        linspace linspace.Tensor_Tensor linspace.Tensor_Scalar linspace.Scalar_Tensor
    """,
    ("fill_value",): "full new_full full_like",
    ("value",): "fill.Scalar fill.Tensor",
    ("s",): "scalar_tensor",
    (): """
        zeros empty.memory_format _efficientzerotensor ones empty_strided empty_permuted new_zeros
        new_empty new_empty_strided new_ones zeros_like empty_like ones_like zero eye eye.m
    """,
}
# Where a number, too, is an element. Those of other arguments are places and sizes.
NUMBERS = frozenset({"value", "fill_value", "s", "start", "end"})

PRODUCTS: dict[Names, str] = {
    ("self", "other"): "matmul linalg_matmul kron tensordot inner cross linalg_cross",
    ("self", "mat2"): "mm bmm",
    ("self", "vec"): "mv",
    ("self", "tensor"): "dot",
    ("self", "vec2"): "outer ger",
    ("tensors",): "einsum",
}
BIASED_PRODUCTS: dict[Names, str] = {
    ("input", "weight"): """
        linear conv1d conv2d conv3d conv1d.padding conv2d.padding conv3d.padding convolution
        _convolution conv_transpose1d conv_transpose2d.input conv_transpose3d.input
    """,
}
TRUTHS: dict[Names, str] = {
    ("self", "other"): """
        nonzero nonzero_static argwhere nonzero_numpy count_nonzero count_nonzero.dim_IntList
        any any.dim any.dims all all.dim all.dims logical_and logical_or logical_xor logical_not
    """,
}


def lifted(real: OpTable) -> OpTable:
    """The translations of complex tensors that those of real ones give."""
    table = OpTable("complex_lifted")
    _lift(table, real, BY_PARTS, by_parts)
    _lift(table, real, PRODUCTS, product_of)
    _lift(table, real, BIASED_PRODUCTS, biased_product_of)
    _lift(table, real, TRUTHS, by_truth)
    return table


def _lift(table: OpTable, real: OpTable, groups: Mapping[Names, str], lift: Lift) -> None:
    for arguments, operators in groups.items():
        for name in operators.split():
            table.rows[f"aten::{name}"] = tuple(
                replace(row, fn=functools.wraps(row.fn)(lift(row.fn, arguments)))
                for row in real.rows[f"aten::{name}"]
            )


# By parts.


def by_parts(fn: Translation, elements: Names) -> Translation:
    """``fn`` of the real parts of the arguments ``elements``, then of the imaginary ones."""

    def translate(g: Builder, **arguments: Any) -> Any:
        real = {name: _real(g, argument) for name, argument in arguments.items()}
        first = fn(g, **real)
        if not any(_has_imaginary(g, arguments.get(name)) for name in elements):
            return _joined(g, first, None)
        for name in elements:
            if name in arguments:
                real[name] = _imaginary(g, arguments[name], name in NUMBERS)
        return _joined(g, first, fn(g, **real))

    return translate


def _real(g: Builder, argument: Any) -> Any:
    if isinstance(argument, OnnxValue):
        # The declared result has neither a value nor parts.
        bare = argument.value is None and argument.constant is None and argument.parts is None
        return _real_type(argument) if bare else g.parts(argument)[0]
    if isinstance(argument, (list, tuple)):
        return [_real(g, item) for item in argument]
    if isinstance(argument, torch.dtype):
        return real_of(argument)
    return argument.real if isinstance(argument, complex) else argument


def _real_type(result: OnnxValue) -> OnnxValue:
    return OnnxValue(real_of(result.dtype), result.shape)


def _imaginary(g: Builder, argument: Any, is_element: bool) -> Any:
    if isinstance(argument, OnnxValue):
        return g.both_parts(argument)[1]
    if isinstance(argument, (list, tuple)):
        return [_imaginary(g, item, is_element) for item in argument]
    if is_element and isinstance(argument, (bool, int, float, complex)):
        return argument.imag
    return argument


def _has_imaginary(g: Builder, argument: Any) -> bool:
    if isinstance(argument, (list, tuple)):
        return any(_has_imaginary(g, item) for item in argument)
    if isinstance(argument, OnnxValue):
        return g.parts(argument)[1] is not None
    return isinstance(argument, complex) and argument.imag != 0


def _joined(g: Builder, real: Any, imaginary: Any) -> Any:
    if isinstance(real, (list, tuple)):
        others = [None] * len(real) if imaginary is None else imaginary
        return [_joined(g, r, i) for r, i in zip(real, others, strict=True)]
    return g.complex(real, imaginary)


# Products.


def product_of(fn: Translation, factors: Names) -> Translation:
    """A product of any number of factors: a sum with a term for each choice of their parts."""

    def translate(g: Builder, **arguments: Any) -> OnnxValue:
        given: list[OnnxValue] = []
        for name in factors:
            factor = arguments[name]
            given += factor if isinstance(factor, (list, tuple)) else [factor]
        if "result" in arguments:
            arguments["result"] = _real_type(arguments["result"])
        parts = [g.parts(factor) for factor in given]
        sums: list[OnnxValue | None] = [None, None]
        for choice in itertools.product((0, 1), repeat=len(parts)):
            chosen = [part[which] for part, which in zip(parts, choice, strict=True)]
            if any(part is None for part in chosen):
                continue
            term = fn(g, **arguments | _in_place_of(arguments, factors, chosen))
            # i to the power of the number of imaginary parts.
            turns = sum(choice)
            sums[turns % 2] = _plus(g, sums[turns % 2], term, negative=turns % 4 > 1)
        real, imaginary = sums
        assert real is not None, "the product of the real parts is the first term"
        return g.complex(real, imaginary)

    return translate


def _in_place_of(arguments: dict[str, Any], factors: Names, chosen: list[Any]) -> dict[str, Any]:
    rest = iter(chosen)
    return {
        name: [next(rest) for _ in arguments[name]]
        if isinstance(arguments[name], (list, tuple))
        else next(rest)
        for name in factors
    }


def _plus(g: Builder, total: OnnxValue | None, term: OnnxValue, *, negative: bool) -> OnnxValue:
    if total is None:
        result: OnnxValue = g.Neg(term) if negative else term
    else:
        result = g.Sub(total, term) if negative else g.Add(total, term)
    return result


def biased_product_of(fn: Translation, factors: Names) -> Translation:
    """A product with ``bias``, one number for each channel (the last axis, for ``linear``)."""
    multiply = product_of(fn, factors)

    def translate(g: Builder, **arguments: Any) -> OnnxValue:
        bias = arguments["bias"]
        real, imaginary = g.parts(multiply(g, **arguments | {"bias": None}))
        if bias is None:
            return g.complex(real, imaginary)
        space = list(range(1, (arguments["weight"].rank or 0) - 1))
        more, extra = (None if b is None else g.Unsqueeze(b, axes=space) for b in g.parts(bias))
        if extra is not None:
            extra = g.Add(g.zeros_as(real) if imaginary is None else imaginary, extra)
        return g.complex(g.Add(real, more), imaginary if extra is None else extra)

    return translate


# Truth.


def by_truth(fn: Translation, arguments: Names) -> Translation:
    """``fn`` of which elements of the arguments are not zero."""

    def translate(g: Builder, **given: Any) -> Any:
        for name in arguments:
            if name in given:
                given[name] = g.cast(given[name], torch.bool)
        return fn(g, **given)

    return translate
