"""Sizes and indices: arithmetic on ``int | OnnxValue``, and shapes made of both.

What is known when the graph is built stays a Python integer and costs no node.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from torch_onnx.builder.values import Integer, KnownSize, OnnxValue
from torch_onnx.graph import Dim

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Scope

AnySize: TypeAlias = int | Dim | OnnxValue
TO_THE_END = 2**63 - 1


class Sizes:
    """The part of the builder that knows about sizes (a base only to spread it over two files)."""

    opset: int
    _scopes: list[Scope]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Any]: ...
        def constant(self, value: Any, dtype: torch.dtype | None = None) -> OnnxValue: ...
        def shaped_alike(self, x: OnnxValue) -> OnnxValue: ...

    # Reading sizes.

    def size(self, x: OnnxValue, axis: int) -> Integer:
        """The size of one axis: an int where it is known, else a number at run time."""
        if x.shape is None:
            return self._size_node(x, axis)
        axis = axis % len(x.shape) if x.shape else axis
        size = x.shape[axis]
        if isinstance(size, int):
            return size
        if size is None:
            return self._size_node(x, axis)
        return self.dim(size, (x, axis))

    def sizes(self, x: OnnxValue) -> list[Integer]:
        """The sizes of all axes. The rank must be known."""
        assert x.shape is not None, "the rank must be known"
        return [self.size(x, axis) for axis in range(len(x.shape))]

    def dim(self, dim: Dim, fallback: tuple[OnnxValue, int] | None = None) -> OnnxValue:
        """The run-time value of a named size, read from the value that first had it."""
        for scope in reversed(self._scopes):
            found = scope.dims.get(dim)
            if isinstance(found, OnnxValue):
                return found
            if found is not None:
                number = self._size_node(*found)
                number.expression = dim
                self._scopes[-1].dims[dim] = number
                return number
        if fallback is None:
            raise LookupError(f"no value with the size {dim} is known here")
        number = self._size_node(*fallback)
        number.expression = dim
        self._scopes[-1].dims[dim] = number
        return number

    def know_dims(self, x: OnnxValue) -> None:
        """Remember where the named sizes of x can be read; the first value that has one wins."""
        for axis, size in enumerate(x.shape or ()):
            if isinstance(size, Dim) and not any(size in scope.dims for scope in self._scopes):
                self._scopes[-1].dims[size] = (x, axis)

    def know_number(self, dim: Dim, number: OnnxValue) -> None:
        """Remember the run-time value of a named size, unless there is one."""
        if not any(isinstance(scope.dims.get(dim), OnnxValue) for scope in self._scopes):
            self._scopes[-1].dims[dim] = number

    def _size_node(self, x: OnnxValue, axis: int) -> OnnxValue:
        x = self.shaped_alike(x)
        if self.opset >= 15:
            end = axis + 1 if axis != -1 else None
            number: OnnxValue = self.Shape(x, start=axis, end=end)
        else:
            end = axis + 1 if axis != -1 else TO_THE_END
            number = self.Slice(self.Shape(x), [axis], [end], axes=[0])
        number.is_number = True
        number.shape = (1,)
        return number

    def shape_vector(self, x: OnnxValue) -> OnnxValue:
        """All sizes of x as one int64 vector."""
        if x.shape is not None and all(isinstance(size, int) for size in x.shape):
            return self.constant(list(x.shape), torch.int64)
        result: OnnxValue = self.Shape(self.shaped_alike(x))
        return result

    # Making vectors of sizes.

    def vector(self, sizes: Sequence[AnySize]) -> OnnxValue:
        """A vector of int64: a constant, or known parts and run-time numbers concatenated."""
        parts: list[OnnxValue] = []
        known: list[int] = []
        for size in sizes:
            number = self.known(size)
            if isinstance(number, int):
                known.append(number)
                continue
            if known:
                parts.append(self.constant(known, torch.int64))
                known = []
            parts.append(self.as_vector(self.dim(number) if isinstance(number, Dim) else number))
        if known or not parts:
            parts.append(self.constant(known, torch.int64))
        result: OnnxValue = self.Concat(*parts, axis=0)
        return result

    def as_vector(self, x: OnnxValue) -> OnnxValue:
        """A number or zero-dimensional integer tensor as an int64 vector of one element."""
        if x.dtype != torch.int64:
            x = self.Cast(x, to=torch.int64)
        if x.shape == ():
            return self.Unsqueeze(x, axes=[0])
        return x

    def scalar(self, number: Any, dtype: torch.dtype | None = None) -> OnnxValue:
        """A number, known or not, as a zero-dimensional tensor."""
        if not isinstance(number, OnnxValue):
            if dtype is None and isinstance(number, int) and not isinstance(number, bool):
                dtype = torch.int64
            return self.constant(number, dtype)
        x = number
        if dtype is not None and x.dtype != dtype:
            x = self.Cast(x, to=dtype)
        if x.shape == ():
            return x
        result: OnnxValue = self.Squeeze(x, axes=[0])
        return result

    # Arithmetic.

    def known(self, number: AnySize) -> AnySize:
        """The Python number where the value is a constant, else what was given."""
        if (
            isinstance(number, OnnxValue)
            and number.constant is not None
            and number.constant.numel() == 1
        ):
            value: int = number.constant.item()  # type: ignore[assignment]
            return value
        return number

    def _arithmetic(
        self, onnx_operator: str, compute: Callable[[Any, Any], Any], a: AnySize, b: AnySize
    ) -> Any:
        a, b = self.known(a), self.known(b)
        if not isinstance(a, (OnnxValue, Dim)) and not isinstance(b, (OnnxValue, Dim)):
            return compute(a, b)
        left, right = (self._number(n) for n in (a, b))
        result: OnnxValue = getattr(self, onnx_operator)(left, right)
        result.is_number = True
        return result

    def _number(self, number: AnySize) -> OnnxValue:
        if isinstance(number, Dim):
            return self.dim(number)
        if isinstance(number, OnnxValue):
            return self.as_vector(number)
        return self.constant([number], torch.int64)

    def add(self, a: AnySize, b: AnySize) -> Integer:
        if isinstance(b, int) and b == 0 and not isinstance(a, Dim):
            return a
        return self._arithmetic("Add", operator.add, a, b)

    def sub(self, a: AnySize, b: AnySize) -> Integer:
        if isinstance(b, int) and b == 0 and not isinstance(a, Dim):
            return a
        return self._arithmetic("Sub", operator.sub, a, b)

    def mul(self, a: AnySize, b: AnySize) -> Integer:
        if isinstance(b, int) and b == 1 and not isinstance(a, Dim):
            return a
        return self._arithmetic("Mul", operator.mul, a, b)

    def minimum(self, a: AnySize, b: AnySize) -> Integer:
        return self._arithmetic("Min", min, a, b)

    def maximum(self, a: AnySize, b: AnySize) -> Integer:
        return self._arithmetic("Max", max, a, b)

    def mod(self, a: AnySize, b: AnySize) -> Integer:
        """Python's ``a % b``: the sign of the divisor, as ONNX's Mod on integers."""
        return self._arithmetic("Mod", operator.mod, a, b)

    def floordiv(self, a: AnySize, b: AnySize) -> Integer:
        """Python's ``a // b``. ONNX's Div truncates, so the remainder is taken off first."""
        a, b = self.known(a), self.known(b)
        if isinstance(a, int) and isinstance(b, int):
            return a // b
        if isinstance(b, int) and b == 1 and isinstance(a, OnnxValue):
            return a
        return self._arithmetic("Div", operator.floordiv, self.sub(a, self.mod(a, b)), b)

    def product(self, sizes: Sequence[AnySize]) -> Integer:
        """The product of sizes; 1 for none."""
        known = 1
        rest: list[OnnxValue] = []
        for size in map(self.known, sizes):
            if isinstance(size, int):
                known *= size
            else:
                rest.append(self.dim(size) if isinstance(size, Dim) else size)
        result: Integer = known
        for number in rest:
            result = self.mul(number, result)
        return result

    def wrap_index(self, index: Integer, x: OnnxValue, axis: int) -> Integer:
        """A possibly negative index as one counted from the start of the axis."""
        number = self.known(index)
        assert not isinstance(number, Dim)
        if isinstance(number, int):
            return number if number >= 0 else self.add(self.size(x, axis), number)
        negative = self.Less(number, [0])
        result: OnnxValue = self.Where(negative, self.add(number, self.size(x, axis)), number)
        result.is_number = True
        return result

    # Shapes of tensors.

    def reshape(self, x: OnnxValue, sizes: Sequence[AnySize]) -> OnnxValue:
        """x in another shape, at most one of ``sizes`` being -1.

        Sizes that stay in place are written 0 (copy) and one that is left -1, so that most
        reshapes need no size at run time.
        """
        target: list[Any] = [self.known(size) for size in sizes]
        # A literal 0 means "copy" to ONNX, so an empty result can't use that form.
        if any(isinstance(size, int) and size == 0 for size in target):
            return self._reshape_to_empty(x, target)
        plain = list(target)
        for i, size in enumerate(target):
            if not isinstance(size, int) and x.shape is not None and i < len(x.shape):
                if size == x.shape[i] or (
                    isinstance(size, OnnxValue) and size.expression == x.shape[i] is not None
                ):
                    plain[i] = 0
        open_sizes = [i for i, size in enumerate(plain) if not isinstance(size, int)]
        if -1 not in plain and len(open_sizes) == 1:
            plain[open_sizes[0]] = -1
        result: OnnxValue = self.Reshape(x, self.vector(plain))
        if result.shape is None or any(size is None for size in result.shape):
            result.shape = tuple(_known_size(size) for size in target)
        return result

    def _reshape_to_empty(self, x: OnnxValue, target: list[Any]) -> OnnxValue:
        if self.opset >= 14:
            if -1 in target:
                rest = self.product(
                    [size for size in target if not (isinstance(size, int) and size == -1)]
                )
                if isinstance(rest, int) and rest == 0:
                    # PyTorch allows -1 beside 0 only in an empty tensor whose hole is settled.
                    hole = target.index(-1)
                    target[hole] = 0
            return self.Reshape(x, self.vector(target), allowzero=1)
        zero = torch.zeros(1, dtype=x.dtype)
        return self.ConstantOfShape(self.vector([0 if s == -1 else s for s in target]), value=zero)

    def expand(self, x: OnnxValue, sizes: Sequence[AnySize]) -> OnnxValue:
        """x broadcast to ``sizes`` (-1 keeps the size that is there)."""
        target = [self.known(size) for size in sizes]
        rank = x.rank or 0
        offset = len(target) - rank
        plain: list[Any] = []
        for i, size in enumerate(target):
            here = x.shape[i - offset] if x.shape is not None and i >= offset else None
            named = size.expression if isinstance(size, OnnxValue) else size
            # ONNX's Expand broadcasts both ways: 1 keeps the size that is there.
            keeps = (isinstance(size, int) and size == -1) or (here is not None and named == here)
            plain.append(1 if keeps else size)
        result: OnnxValue = self.Expand(x, self.vector(plain))
        return result


def _known_size(size: Any) -> KnownSize:
    if isinstance(size, OnnxValue):
        return size.expression
    if isinstance(size, int) and size == -1:
        return None
    return size
