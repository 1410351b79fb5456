"""Views and their inverses: what a base holds after one of its views was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from torch_onnx.capture.binding import bind, number_operator, operator_named
from torch_onnx.errors import NotExpressible
from torch_onnx.graph import Argument, Call, Operator, Source, Value

IDENTITY = Call(Operator("identity", (), ()), {}, [])
"""In place of a view's call: the view is its base under another name."""


@dataclass(frozen=True, slots=True)
class View:
    """A value that looks at ``base`` through ``call``; ``index`` is its place in a list result."""

    base: Value
    call: Call
    index: int


def fresh(value: Value) -> Value:
    """A new value of the same type."""
    return Value(f"{value.name}'", value.dtype, value.shape, value.kind, fake=value.fake)


def write_back(view: View, base: Value, content: Value, source: Source, calls: list[Call]) -> Value:
    """What ``base`` holds when ``content`` has been written to its view; calls are appended.

    Raises:
        NotExpressible: for a view that has no inverse (expand, the bytes in another dtype).
    """
    name = view.call.op.name.partition(".")[0].removeprefix("aten::")
    inverse = INVERSES.get(name)
    if inverse is None or view.call.op.name == "aten::view.dtype":
        raise NotExpressible(f"a write through {view.call.op.name} is not supported")
    emit = _Emit(base, source, calls)
    return inverse(emit, view, content)


@dataclass(slots=True)
class _Emit:
    base: Value
    source: Source
    calls: list[Call]

    def __call__(self, name: str, /, **args: Argument) -> Value:
        op = operator_named(name)
        assert op is not None, name
        result = fresh(self.base)
        self.calls.append(Call(op, bind(op, (), args), [result], self.source))
        return result

    def part(self, name: str) -> Value:
        """``aten::real`` or ``aten::imag`` of the base, which is complex."""
        op = operator_named(name)
        assert op is not None, name
        dtype = torch.view_as_real(torch.empty(0, dtype=self.base.dtype)).dtype
        fake = None if self.base.fake is None else self.base.fake.real
        result = Value("part", dtype, self.base.shape, fake=fake)
        self.calls.append(Call(op, {"self": self.base}, [result], self.source))
        return result

    def add(self, a: Argument, b: Argument) -> Argument:
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        result = Value("end", a.dtype if isinstance(a, Value) else b.dtype, (), "int")
        op = number_operator("python::add", ("a", "b"))
        self.calls.append(Call(op, {"a": a, "b": b}, [result], self.source))
        return result

    def sizes(self) -> list[Argument]:
        """The base's sizes, those known at run time read from it."""
        sizes: list[Argument] = []
        for axis, size in enumerate(self.base.shape or ()):
            if isinstance(size, int):
                sizes.append(size)
                continue
            op = operator_named("aten::sym_size.int")
            assert op is not None
            fake = None if self.base.fake is None else self.base.fake.shape[axis]
            number = Value("size", None, (), "int", size, fake)
            self.calls.append(Call(op, {"self": self.base, "dim": axis}, [number], self.source))
            sizes.append(number)
        return sizes


def _identity(emit: _Emit, view: View, content: Value) -> Value:
    return content


def _reshaped(emit: _Emit, view: View, content: Value) -> Value:
    return emit("aten::reshape", self=content, shape=emit.sizes())


def _transposed(emit: _Emit, view: View, content: Value) -> Value:
    args = view.call.args
    first, second = args.get("dim0", args.get("axis0")), args.get("dim1", args.get("axis1"))
    return emit("aten::transpose.int", self=content, dim0=first, dim1=second)


def _matrix_transposed(emit: _Emit, view: View, content: Value) -> Value:
    if len(content.shape or ()) < 2:
        return content
    return emit("aten::transpose.int", self=content, dim0=-2, dim1=-1)


def _adjoint(emit: _Emit, view: View, content: Value) -> Value:
    return emit("aten::adjoint", self=content)


def _conjugated(emit: _Emit, view: View, content: Value) -> Value:
    return emit("aten::conj_physical", self=content)


def _real_part(emit: _Emit, view: View, content: Value) -> Value:
    if not emit.base.dtype or not emit.base.dtype.is_complex:
        return content
    return emit("aten::complex", real=content, imag=emit.part("aten::imag"))


def _imaginary_part(emit: _Emit, view: View, content: Value) -> Value:
    return emit("aten::complex", real=emit.part("aten::real"), imag=content)


def _both_parts(emit: _Emit, view: View, content: Value) -> Value:
    return emit("aten::view_as_complex", self=content)


def _as_parts(emit: _Emit, view: View, content: Value) -> Value:
    return emit("aten::view_as_real", self=content)


def _permuted(emit: _Emit, view: View, content: Value) -> Value:
    dims: list[Any] = [dim % len(view.call.args["dims"]) for dim in view.call.args["dims"]]
    inverse = [dims.index(i) for i in range(len(dims))]
    return emit("aten::permute", self=content, dims=inverse)


def _selected(emit: _Emit, view: View, content: Value) -> Value:
    args = view.call.args
    return emit(
        "aten::select_scatter", self=emit.base, src=content, dim=args["dim"], index=args["index"]
    )


def _sliced(emit: _Emit, view: View, content: Value) -> Value:
    args = view.call.args
    return emit(
        "aten::slice_scatter",
        self=emit.base,
        src=content,
        dim=args["dim"],
        start=args["start"],
        end=args["end"],
        step=args["step"],
    )


def _narrowed(emit: _Emit, view: View, content: Value) -> Value:
    args = view.call.args
    start = args["start"]
    end = emit.add(start, args["length"])
    if isinstance(start, int) and isinstance(end, int) and start < 0 <= end:
        end = None
    return emit(
        "aten::slice_scatter", self=emit.base, src=content, dim=args["dim"], start=start, end=end
    )


def _diagonal(emit: _Emit, view: View, content: Value) -> Value:
    args = view.call.args
    return emit(
        "aten::diagonal_scatter",
        self=emit.base,
        src=content,
        offset=args["offset"],
        dim1=args["dim1"],
        dim2=args["dim2"],
    )


def _part(emit: _Emit, view: View, content: Value) -> Value:
    """One of the parts that split, split_with_sizes, chunk or unsafe_split give."""
    dim = view.call.args["dim"]
    parts = view.call.outputs[0]
    assert isinstance(parts, list)
    start: Argument = 0
    for part in parts[: view.index]:
        size = (part.shape or ())[dim]
        if not isinstance(size, int):
            raise NotExpressible("a write to a part of a split of dynamic size is not supported")
        start += size
    size = (parts[view.index].shape or ())[dim]
    last = view.index == len(parts) - 1
    if not isinstance(size, int) and not last:
        raise NotExpressible("a write to a part of a split of dynamic size is not supported")
    end = None if last else start + size
    return emit("aten::slice_scatter", self=emit.base, src=content, dim=dim, start=start, end=end)


def _unbound(emit: _Emit, view: View, content: Value) -> Value:
    dim = view.call.args["dim"]
    return emit("aten::select_scatter", self=emit.base, src=content, dim=dim, index=view.index)


INVERSES: dict[str, Callable[[_Emit, View, Value], Value]] = {
    **dict.fromkeys(("alias", "contiguous", "detach", "lift_fresh", "to", "type_as"), _identity),
    **dict.fromkeys(
        ("_reshape_alias", "_unsafe_view", "flatten", "ravel", "reshape", "reshape_as", "squeeze",
         "unflatten", "unsqueeze", "view", "view_as"),
        _reshaped,
    ),
    **dict.fromkeys(("swapaxes", "swapdims", "transpose"), _transposed),
    **dict.fromkeys(("mT", "numpy_T", "t"), _matrix_transposed),
    **dict.fromkeys(("adjoint", "mH", "matrix_H"), _adjoint),
    **dict.fromkeys(("_conj", "conj"), _conjugated),
    "view_as_complex": _as_parts,
    **dict.fromkeys(("chunk", "split", "split_with_sizes", "unsafe_split"), _part),
    "diagonal": _diagonal,
    "imag": _imaginary_part,
    "narrow": _narrowed,
    "permute": _permuted,
    "real": _real_part,
    "select": _selected,
    "slice": _sliced,
    "unbind": _unbound,
    "view_as_real": _both_parts,
}  # fmt: skip
