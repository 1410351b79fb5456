"""Inputs of other sizes than the example's, made of the example's tensors."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from torch_onnx.graph import Dim, Size

WANTED = 2
"""So many other sizes each dim is to have."""

# From the example's size to others, the most telling first: odd ones, multiples (strides, patches
# and heads divide sizes), smaller ones.
OTHER_SIZES: tuple[Callable[[int], int], ...] = (
    lambda size: size + 1,
    lambda size: 2 * size,
    lambda size: size - 1,
    lambda size: 3 * size,
    lambda size: 2 * size + 1,
    lambda size: size // 2,
    lambda size: size + 2,
    lambda size: 1,
)
MOST_TRIES = 24

_NAME = re.compile(r"[^\W\d]\w*")
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True, slots=True)
class DynamicSizes:
    """The dynamic sizes of a program's inputs.

    Attributes:
        shapes: of each input.
        relations: dims that the program needs to be an expression of others.
        ranges: the smallest and the largest size of a dim that the user allows.
    """

    shapes: list[tuple[Size, ...]]
    relations: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)

    def free(self) -> list[str]:
        """The dims that no other one decides, in the order of the inputs."""
        found: dict[str, None] = {}
        for shape in self.shapes:
            for size in shape:
                if isinstance(size, Dim):
                    for name in _NAME.findall(self.relations.get(str(size), str(size))):
                        found.setdefault(name)
        return list(found)

    def example(self, tensors: Sequence[torch.Tensor]) -> dict[str, int]:
        """The sizes of the free dims in these tensors, as far as an axis shows them."""
        found: dict[str, int] = {}
        for tensor, shape in zip(tensors, self.shapes, strict=True):
            for known, size in zip(tensor.shape, shape, strict=True):
                if isinstance(size, Dim) and str(size) not in self.relations:
                    found.setdefault(str(size), int(known))
        return {name: found[name] for name in self.free() if name in found}

    def shapes_at(self, sizes: Mapping[str, int]) -> list[tuple[int, ...]] | None:
        """The inputs' shapes where the free dims have these sizes; None where one would be < 1."""
        shapes = []
        for shape in self.shapes:
            known = [size if isinstance(size, int) else self._size(size, sizes) for size in shape]
            if any(size is None or (size < 1 and size not in shape) for size in known):
                return None
            shapes.append(tuple(size for size in known if size is not None))
        return shapes

    def _size(self, dim: Dim, sizes: Mapping[str, int]) -> int | None:
        return evaluate(self.relations.get(str(dim), str(dim)), sizes)

    def allows(self, name: str, size: int) -> bool:
        low, high = self.ranges.get(name, (None, None))
        return size >= max(low or 1, 1) and (high is None or size <= high)


def evaluate(expression: str, sizes: Mapping[str, int]) -> int | None:
    """An expression of dims (``2*batch + 1``) as a number; None where it can't be said."""
    try:
        return int(_evaluate(ast.parse(expression, mode="eval").body, sizes))
    except (SyntaxError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _evaluate(node: ast.expr, sizes: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return sizes[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand, sizes)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return int(_OPERATORS[type(sign)](_evaluate(left, sizes), _evaluate(right, sizes)))
    raise TypeError(ast.dump(node))


@dataclass(frozen=True, slots=True)
class Sample:
    """Inputs at other sizes: which ones, the tensors, and the dims whose size is another one."""

    sizes: dict[str, int]
    tensors: list[torch.Tensor]

    def __str__(self) -> str:
        return ", ".join(f"{name}={size}" for name, size in self.sizes.items())


@dataclass(slots=True)
class Samples:
    """Generates samples until each dim has been tried at enough other sizes.

    Iterating gives a sample; ``accept`` says that the model took the last one.
    """

    dynamic: DynamicSizes
    tensors: Sequence[torch.Tensor]
    tried: dict[str, set[int]] = field(default_factory=dict)
    """Sizes at which the model was run, by dim."""

    def __iter__(self) -> Iterator[Sample]:
        example = self.dynamic.example(self.tensors)
        self.tried = {name: set() for name in example}
        count = 0
        for sizes in self._sizes(example):
            if all(len(found) >= WANTED for found in self.tried.values()):
                return
            if not any(
                size != example[name]
                and size not in self.tried[name]
                and len(self.tried[name]) < WANTED
                for name, size in sizes.items()
            ):
                continue
            shapes = self.dynamic.shapes_at(sizes)
            if shapes is None:
                continue
            count += 1
            if count > MOST_TRIES:
                return
            generator = torch.Generator().manual_seed(count)
            yield Sample(
                sizes,
                [
                    resized(tensor, shape, generator)
                    for tensor, shape in zip(self.tensors, shapes, strict=True)
                ],
            )

    def accept(self, sample: Sample) -> None:
        example = self.dynamic.example(self.tensors)
        for name, size in sample.sizes.items():
            if size != example[name]:
                self.tried[name].add(size)

    def _sizes(self, example: dict[str, int]) -> Iterator[dict[str, int]]:
        """All dims at once, then one by one."""
        if not example:
            return
        changes = {name: self._others(name, size) for name, size in example.items()}
        for turn in range(len(OTHER_SIZES)):
            # The dims take different turns, so that sizes equal in the example come apart.
            yield {
                name: sizes[(turn + index) % len(sizes)] if sizes else example[name]
                for index, (name, sizes) in enumerate(changes.items())
            }
            yield {
                name: sizes[turn % len(sizes)] if sizes else example[name]
                for name, sizes in changes.items()
            }
            for name, sizes in changes.items():
                if turn < len(sizes):
                    yield {**example, name: sizes[turn]}

    def _others(self, name: str, size: int) -> list[int]:
        found = [change(size) for change in OTHER_SIZES]
        allowed = [new for new in found if new != size and self.dynamic.allows(name, new)]
        return list(dict.fromkeys(allowed))


def resized(
    tensor: torch.Tensor, shape: Sequence[int], generator: torch.Generator | None = None
) -> torch.Tensor:
    """A tensor of another shape with like elements.

    Integers and truth values repeat the example's along each axis, for they mean something (a
    mask, a position); floats are random, with the example's mean, deviation and range.
    """
    if tuple(tensor.shape) == tuple(shape):
        return tensor
    if 0 in tensor.shape:
        return tensor.new_zeros(tuple(shape))
    result = tensor.detach()
    for axis, size in enumerate(shape):
        if result.shape[axis] != size:
            index = torch.arange(size, device=tensor.device) % result.shape[axis]
            result = result.index_select(axis, index)
    if not tensor.dtype.is_floating_point:
        return result
    known = tensor.detach().float()
    deviation = float(known.std()) if known.numel() > 1 else 1.0
    mean = float(known.mean())
    if not (deviation > 0 and deviation < float("inf")):
        # All elements are the same, or some are infinite or NaN: the pattern means something.
        return result
    made = torch.randn(tuple(shape), generator=generator) * deviation + mean
    return made.clamp(float(known.min()), float(known.max())).to(tensor.dtype).to(tensor.device)
