"""What a capture took for granted of sizes that the user wants dynamic.

A fixed size is an error. What else the model's branches settled is said in a note: two sizes that
must agree, a condition that decided which way the program went.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture.dims import DimNames
from torch_onnx.capture.sources import Sources
from torch_onnx.errors import DimensionSpecialized, SpecializedDimension
from torch_onnx.graph import Frame, Value


@dataclass(frozen=True, slots=True)
class DynamicAxis:
    """An axis of an input that the user wants dynamic, with the name and range given."""

    name: str | None = None
    min: int | None = None
    max: int | None = None


DynamicAxes = Mapping[int, Mapping[int, DynamicAxis]]
"""By position of the input, by axis."""

# Conditions that PyTorch's own code relies on say what a call needs to be valid at all, but for
# int() of a fraction of a size: the number is in the model from then on.
FRAMEWORK = ("torch/", "torch_onnx/")


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The dynamic axes of a captured program, and where to look up what became of them.

    ``environment`` is the ShapeEnv of the capture.
    """

    environment: Any
    dynamic: DynamicAxes
    input_names: Sequence[str]
    sources: Sources
    dims: DimNames

    def place(self, index: int, axis: int) -> str:
        """``x, axis 0 (batch)``."""
        name = self.dynamic[index][axis].name
        return f"{self._input(index)}, axis {axis} ({name or 'unnamed'})"

    def _input(self, index: int) -> str:
        names = self.input_names
        return names[index] if index < len(names) else f"input {index}"

    def check_none_is_fixed(self, inputs: Sequence[Value]) -> None:
        """Raise DimensionSpecialized for every axis that became a constant."""
        fakes = [value.fake for value in inputs]
        tied = tied_to_example(self.environment, fakes, self.dynamic)
        fixed = [
            (index, axis, spec, compat.example_of(fakes[index].shape[axis]))
            for index, axes in self.dynamic.items()
            for axis, spec in axes.items()
            if isinstance((inputs[index].shape or ())[axis], int) or (index, axis) in tied
        ]
        if not fixed:
            return
        # An equation settles a size; other guards only bound it.
        guards = sorted(
            compat.guards_of(self.environment), key=lambda guard: not guard[0].is_Equality
        )
        rows = []
        for index, axis, spec, size in fixed:
            symbol = compat.symbol_of_axis(self.environment, index, axis)
            guard, place = next(
                ((g, f) for g, f in guards if symbol in {str(s) for s in g.free_symbols}),
                (None, None),
            )
            name = self._input(index)
            if guard is None or symbol is None:
                text = None
            else:
                text = readable(str(guard).replace(symbol, spec.name or f"{name}[{axis}]"))
            frame = self.sources.frame_of(place)
            if frame is not None and frame.path.startswith("torch_onnx/"):
                # The line of ours that asked is none that the user could change.
                frame = None
            rows.append(SpecializedDimension(name, axis, spec.name, str(size), frame, text))
        raise DimensionSpecialized(rows)

    def notes(self, inputs: Sequence[Value]) -> list[str]:
        """What holds for the exported model and was not asked for."""
        return [*self._equalities(inputs), *self._branches(inputs)]

    def _equalities(self, inputs: Sequence[Value]) -> list[str]:
        notes = []
        for index, axes in self.dynamic.items():
            for axis, spec in axes.items():
                size = (inputs[index].shape or ())[axis]
                if spec.name is not None and str(size) != spec.name:
                    notes.append(f"needs {self.place(index, axis)} to be {size}")
        return notes

    def _branches(self, inputs: Sequence[Value]) -> list[str]:
        ranges = {
            str(size): (spec.min or 0, spec.max or LARGE)
            for index, axes in self.dynamic.items()
            for axis, spec in axes.items()
            for size in [compat.expression_of(inputs[index].fake.shape[axis])]
        }
        found: dict[Frame, list[str]] = {}
        for condition, place in compat.guards_of(self.environment):
            frame = self.sources.frame_of(place)
            if frame is None:
                continue
            if frame.path.startswith(FRAMEWORK) and not compat.cuts_off_fractions(condition):
                continue
            if compat.decides(self.environment, condition, ranges):
                text = readable(self.dims.text(condition))
                if text not in found.setdefault(frame, []):
                    found[frame].append(text)
        return [holds_where(" and ".join(texts), frame) for frame, texts in found.items()]


def holds_where(condition: str, frame: Frame | None) -> str:
    """The note of a condition that the program relies on, and of the user's line if it is known."""
    place = "" if frame is None else f", which is decided at {frame}: {frame.code}"
    return f"holds where {condition}{place}"


# Where a user gives no upper bound.
LARGE = 2**31
ANOTHER_SIZE = 3
TRIED_SIZES = (1, 2, 3, 5, 8, 13, 64, 129, 1000, 10**6)
"""Sizes for which it is seen what a condition comes to, where nothing can be proven."""


def tied_to_example(
    environment: Any, fakes: Sequence[Any], dynamic: DynamicAxes
) -> set[tuple[int, int]]:
    """The axes of size 0 or 1 in the example that the capture holds for no other size.

    PyTorch's own code treats a size of 1 as special (a broadcast axis, a stride that does not
    matter) and notes that as a condition.
    """
    tied = set()
    for index, axes in dynamic.items():
        for axis in axes:
            size = fakes[index].shape[axis]
            if compat.example_of(size) > 1:
                continue
            if compat.fails_at(environment, size, ANOTHER_SIZE):
                tied.add((index, axis))
    return tied


def larger_example(
    tensors: Sequence[torch.Tensor], dynamic: DynamicAxes
) -> list[torch.Tensor] | None:
    """The example with another size wherever a dynamic one is 0 or 1; None where none is."""
    made = list(tensors)
    for index, axes in dynamic.items():
        for axis in axes:
            sizes = list(made[index].shape)
            if sizes[axis] <= 1:
                sizes[axis] = ANOTHER_SIZE
                tensor = made[index]
                is_empty = tensor.numel() == 0
                made[index] = tensor.new_zeros(sizes) if is_empty else tensor.expand(sizes).clone()
    same = all(new is old for new, old in zip(made, tensors, strict=True))
    return None if same else made


def still_holds(
    environment: Any,
    fakes: Sequence[Any],
    tensors: Sequence[torch.Tensor],
    dynamic: DynamicAxes,
) -> bool:
    """Whether the model's own branches go the same way for the example as it was given."""
    sizes = {
        compat.expression_of(fakes[index].shape[axis]): tensors[index].shape[axis]
        for index, axes in dynamic.items()
        for axis in axes
    }
    sources = Sources("")
    for condition, place in compat.guards_of(environment):
        frame = sources.frame_of(place)
        if frame is not None and not frame.path.startswith(FRAMEWORK):
            if compat.is_false_for(condition, sizes):
                return False
    return True


def name_dims(dims: DimNames, fakes: Sequence[Any], dynamic: DynamicAxes) -> None:
    """Carry the user's names over to the symbols of the fake inputs' sizes."""
    for index, axes in dynamic.items():
        fake = fakes[index]
        for axis, spec in axes.items():
            size = fake.shape[axis]
            if spec.name is None or isinstance(size, int):
                continue
            expression = compat.expression_of(size)
            if expression.is_Symbol:
                dims.name(str(expression), spec.name)


def readable(condition: Any) -> str:
    """A condition on sizes as Python has it: ``batch == 8``."""
    text = str(condition)
    for function, sign in (("Eq", "=="), ("Ne", "!=")):
        if text.startswith(f"{function}(") and text.endswith(")"):
            left, _, right = text[len(function) + 1 : -1].rpartition(", ")
            return f"{left} {sign} {right}"
    return text
