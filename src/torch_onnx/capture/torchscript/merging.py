"""What two branches give, as one: values that differ are outputs of an If."""

from __future__ import annotations

from typing import Any

import torch

from torch_onnx.capture.quantized import Quantized
from torch_onnx.capture.torchscript import lists
from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.capture.torchscript.scalars import Scalar, Vector
from torch_onnx.capture.torchscript.stand_ins import joined, unknown_number
from torch_onnx.capture.torchscript.values import (
    UNINITIALIZED,
    Diverges,
    Maybe,
    ScriptList,
    described,
    is_number,
    is_run_time,
    is_tensor,
    number_kind,
)
from torch_onnx.graph import Argument, Call, Value


class Merge:
    """Makes one of each pair, the first of which is there where ``condition`` holds. ``loose`` lets
    tensors of two ranks be one of unknown rank.
    """

    def __init__(
        self,
        run: Interpreter,
        condition: Value,
        left: list[Call],
        right: list[Call],
        *,
        loose: bool = False,
    ) -> None:
        self.run = run
        self.condition = condition
        self.calls = (left, right)
        self.loose = loose
        self.made: list[Value] = []
        self.left: list[Argument] = []
        self.right: list[Argument] = []

    def pair(self, a: Any, b: Any) -> Any:
        """One value that stands for ``a`` after the first branch, for ``b`` after the second.

        Raises:
            Diverges: where no single value can.
        """
        if a is b:
            return a
        if a is UNINITIALIZED or b is UNINITIALIZED:
            return self._initialized(b, 0) if a is UNINITIALIZED else self._initialized(a, 1)
        if a is None or b is None or isinstance(a, Maybe) or isinstance(b, Maybe):
            return self._maybe(a, b)
        if isinstance(a, Scalar) and isinstance(b, Scalar):
            return Scalar(self.pair(a.number, b.number))
        if isinstance(a, ScriptList) and isinstance(b, ScriptList):
            return self._list(a, b)
        if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
            return tuple(self.pair(x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
            return self.run.made(type(a)({key: self.pair(a[key], b[key]) for key in a}))
        if is_tensor(a) and is_tensor(b):
            return self._tensor(a, b)
        if is_number(a) and is_number(b):
            if not is_run_time(a) and not is_run_time(b) and type(a) is type(b) and a == b:
                return a
            return self._number(a, b)
        if type(a) is type(b) and not isinstance(a, (ScriptList, tuple, dict, Value)) and a == b:
            return a
        raise self._diverges(a, b)

    def _diverges(self, a: Any, b: Any) -> Diverges:
        return Diverges(
            "Two branches that are decided at run time give values of different kinds: "
            f"{described(a)} and {described(b)}.",
            self.run.source.frame,
        )

    def _add(self, fake: Any, a: Argument, b: Argument, kind: str = "") -> Value:
        value = self.run.value(fake) if kind != "list" else lists.value_of_list(self.run, fake)
        self.made.append(value)
        self.left.append(a)
        self.right.append(b)
        return value

    def _initialized(self, value: Any, side: int) -> Any:
        """What the other branch gives where the one of ``side`` never goes on from there."""
        if isinstance(value, ScriptList) and value.held is None:
            return self.run.made(ScriptList(self._initialized(item, side) for item in value))
        if isinstance(value, tuple):
            return tuple(self._initialized(item, side) for item in value)
        if isinstance(value, dict):
            made = {key: self._initialized(item, side) for key, item in value.items()}
            return self.run.made(type(value)(made))
        if isinstance(value, Maybe):
            return Maybe(
                self._initialized(value.present, side), self._initialized(value.value, side)
            )
        if not isinstance(value, (Value, Scalar, Vector, ScriptList)):
            return value
        other = self._placeholder(value, side)
        return self.pair(other, value) if side == 0 else self.pair(value, other)

    def _placeholder(self, like: Any, side: int) -> Any:
        with self.run.into(self.calls[side]):
            return placeholder(self.run, like)

    def _instead(self, value: Any, side: int) -> Any:
        """What one side gives where the other one gives ``value``: that itself if it was there
        before, else anything of its type.
        """
        calls = self.calls[1 - side]
        is_older = isinstance(value, Value) and all(value not in c.values_out() for c in calls)
        return value if is_older else self._placeholder(value, side)

    def _maybe(self, a: Any, b: Any) -> Any:
        a_present = a.present if isinstance(a, Maybe) else a is not None
        b_present = b.present if isinstance(b, Maybe) else b is not None
        x, y = (m.value if isinstance(m, Maybe) else m for m in (a, b))
        known = y if x is None else x
        if not (is_tensor(known) or is_number(known)):
            raise self._diverges(a, b)
        x = self._instead(known, 0) if x is None else x
        y = self._instead(known, 1) if y is None else y
        present = self._truth(a_present, b_present)
        value = self.pair(x, y)
        return value if present is True else Maybe(present, value)

    def _truth(self, a: Any, b: Any) -> Any:
        """``pair``, where the two are what was decided."""
        if a is True and b is False:
            return self.condition
        if a is False and b is True:
            return self.run.number(torch.sym_not, self.condition)
        return self.pair(a, b)

    def _list(self, a: ScriptList, b: ScriptList) -> ScriptList:
        if a.held is None and b.held is None and len(a) == len(b):
            return self.run.made(ScriptList(self.pair(x, y) for x, y in zip(a, b, strict=True)))
        of = lists.kind_of_items(a) or lists.kind_of_items(b)
        if of is None or of != (lists.kind_of_items(b) or of):
            raise self._diverges(a, b)
        like = lists.element_type(self.run, [a, b])
        with self.run.into(self.calls[0]):
            x = lists.held(self.run, a, of, like)
        with self.run.into(self.calls[1]):
            y = lists.held(self.run, b, of, like)
        if of != "tensor":
            return self.run.made(ScriptList((), self._tensor(x, y), of))
        value = self._add(like, x, y, "list")
        return self.run.made(ScriptList((), value, of))

    def _tensor(self, a: Any, b: Any) -> Value:
        with self.run.into(self.calls[0]):
            x = self.run.tensor(a)
        with self.run.into(self.calls[1]):
            y = self.run.tensor(b)
        same_rank = x.fake is not None and y.fake is not None and x.fake.dim() == y.fake.dim()
        if x.dtype != y.dtype or not (same_rank or self.loose):
            raise Diverges(
                "Two branches that are decided at run time give tensors of different types: "
                f"{described(x)} and {described(y)}.",
                self.run.source.frame,
            )
        if not same_rank:
            value = Value(f"either{len(self.made)}", x.dtype, None)
            self.made.append(value)
            self.left.append(x)
            self.right.append(y)
            return value
        value = self._add(joined(self.run, x.fake, y.fake), x, y)
        if isinstance(x, Quantized) and isinstance(y, Quantized) and x.scheme == y.scheme:
            value = self.made[-1] = x.like(value)
        return value

    def _number(self, a: Any, b: Any) -> Value:
        kinds = {number_kind(n) for n in (a, b)}
        kind = next(kind for kind in ("float", "int", "bool") if kind in kinds)
        return self._add(unknown_number(self.run, kind), a, b)


def placeholder(run: Interpreter, like: Any) -> Any:
    """Something of this type that is never looked at."""
    if isinstance(like, ScriptList):
        assert like.held is not None
        return ScriptList((), lists.empty(run, like.of, like.held.fake), like.of)
    if is_run_time(like) or isinstance(like, (bool, int, float)):
        return {"int": 0, "float": 0.0, "bool": False}[number_kind(like)]
    tensor = run.tensor(like)
    sizes = [size if isinstance(size, int) else 0 for size in tensor.shape or ()]
    return run.named("aten::zeros", size=sizes, dtype=tensor.dtype)
