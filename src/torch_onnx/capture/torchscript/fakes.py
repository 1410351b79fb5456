"""Types of results: each operator is run on fake tensors, whose dynamic sizes are symbols."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture.assumptions import DynamicAxes
from torch_onnx.capture.torchscript.remembered import Remembered
from torch_onnx.graph import Operator

# What stands for sizes that depend on data, and factors on the example's sizes, run by run.
# The last is within sizes, where the others may be past the end of any: x[i : i + 1] is not empty.
SAMPLES = ((3, 1), (17, 2), (211, 3), (1, 4))


# Results of the type of the first argument, where that holds floats. To run these with symbolic
# sizes takes PyTorch tens of milliseconds each.
LIKE_FIRST = frozenset(
    "batch_norm celu clamp clamp_max clamp_min dropout elu exp feature_dropout gelu group_norm "
    "hardsigmoid hardswish hardtanh instance_norm layer_norm leaky_relu log mish neg relu relu6 "
    "rsqrt selu sigmoid silu softplus sqrt tanh".split()
)


def _is_like_first(op: Operator, args: Sequence[Any]) -> bool:
    """Whether the result's type is that of the first argument."""
    base, _, overload = op.name.removeprefix("aten::").partition(".")
    first = args[0] if args else None
    if not isinstance(first, torch.Tensor) or overload or not first.is_floating_point():
        return False
    return base.removesuffix("_") in LIKE_FIRST


def _linear(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor | None:
    """The type of ``aten::linear`` where nothing of it is in question, made in a fraction of the
    time that PyTorch takes for symbolic sizes.
    """
    if weight.dim() != 2 or x.dim() == 0 or x.dtype != weight.dtype:
        return None
    features = x.shape[-1]
    if not isinstance(features, int) or features != weight.shape[1]:
        return None
    if bias is not None and (bias.dtype, tuple(bias.shape)) != (x.dtype, (weight.shape[0],)):
        return None
    return x.new_empty((*x.shape[:-1], weight.shape[0]))


def changes_types(op: Operator) -> bool:
    """Whether an operator may give a tensor that it is given another shape."""
    return torch.Tag.inplace_view in op.target.tags or any(
        argument.written and argument.keyword_only for argument in op.arguments
    )


RESHAPES = frozenset({"aten::view", "aten::reshape", "aten::_unsafe_view"})


@dataclass(frozen=True, slots=True)
class Sample:
    """An operator's run for known sizes: its result, and each argument beside what stood for it."""

    result: Any
    arguments: list[tuple[torch.Tensor, torch.Tensor]]


def _is_of_bytes(index: Any) -> bool:
    return isinstance(index, torch.Tensor) and index.dtype == torch.uint8


class Fakes:
    """The fake tensors of one program."""

    __slots__ = ("_remembered", "mode")

    def __init__(self) -> None:
        self.mode = compat.fake_mode()
        self._remembered = Remembered()

    @property
    def environment(self) -> Any:
        """The ShapeEnv, which knows all symbols and conditions on them."""
        return self.mode.shape_env

    def inputs(self, tensors: Sequence[torch.Tensor], dynamic: DynamicAxes) -> list[torch.Tensor]:
        """Fakes of the program's inputs. Axes of one name have one size."""
        fakes = []
        named: dict[str, Any] = {}
        for index, tensor in enumerate(tensors):
            axes = dynamic.get(index, {})
            fake = compat.fake_input(self.mode, tensor, index, list(axes))
            fakes.append(fake)
            for axis, spec in axes.items():
                size = fake.shape[axis]
                if spec.min is not None:
                    compat.assume(size >= spec.min)
                if spec.max is not None:
                    compat.assume(size <= spec.max)
                if spec.name is not None:
                    compat.assume(size == named.setdefault(spec.name, size))
        return fakes

    def constant(self, tensor: torch.Tensor) -> torch.Tensor:
        return self._remembered.like(tensor, lambda: compat.fake_copy(self.mode, tensor))

    def unknown(self, dtype: torch.dtype, rank: int) -> torch.Tensor:
        """A tensor of which only the rank is known."""
        with self.mode:
            return torch.empty([self.unknown_size() for _ in range(rank)], dtype=dtype)

    def unknown_size(self) -> torch.SymInt:
        return compat.unknown_size(self.mode)

    def result(
        self, op: Operator, args: Sequence[Any], kwargs: Mapping[str, Any], *, in_branch: bool
    ) -> Any:
        """The type of an operator's result, which may be another value's stand-in as well.

        Raises:
            Exception: PyTorch's own, when the operator does not take these arguments.
        """
        function = op.target
        run = self.run_in_branch if in_branch else self.run

        def compute() -> Any:
            if _is_like_first(op, args):
                same = op.is_mutating or self._remembered.is_fresh(args[0])
                return args[0] if same else torch.empty_like(args[0])
            told = _linear(*args) if op.name == "aten::linear" else None
            return run(function, args, kwargs) if told is None else told

        if changes_types(op):
            return compute()
        return self._remembered.result(
            (function, in_branch),
            [*args, list(kwargs.items())],
            compute,
            may_view=any(argument.alias is not None for argument in op.arguments),
        )

    def run(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The result's type. Sizes that the operator's own code can't tell become unknown.

        Raises:
            Exception: PyTorch's own, when the operator does not take these arguments.
        """
        special = self._special(function, args)
        if special is not None:
            return special
        if compat.is_operator(function) and function.name() in RESHAPES:
            self._settle_whole(args[0], args[1])
        before = compat.state_of(self.environment)
        try:
            result = self._run(function, args, kwargs)
        except Exception:
            if compat.is_operator(function) and function.name() == "aten::select.int":
                if compat.is_unknown(args[2]):
                    # PyTorch 2.6 asks where that is. The result is the same at any place.
                    return self._run(function, [*args[:2], 0], kwargs)
            runs = [self._sampled(function, args, kwargs, *sample) for sample in SAMPLES]
            if runs[0] is None:
                raise
            if compat.has_settled(self.environment, before):
                compat.go_back(self.environment, before)
            return self._common(runs)
        if not compat.has_settled(self.environment, before):
            return result
        # PyTorch's own code fixed a size, which the operator may not need.
        compat.go_back(self.environment, before)
        runs = [self._sampled(function, args, kwargs, *sample) for sample in SAMPLES]
        common = None if any(run is None for run in runs) else self._common(runs)
        return self._run(function, args, kwargs) if common is None else common

    def run_in_branch(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """``run``, where the sizes may be others than the example's: what the operator needs of
        them holds there alone.
        """
        before = compat.state_of(self.environment)
        with contextlib.suppress(Exception):
            result = self.run(function, args, kwargs)
            if not compat.has_equated(self.environment, before):
                return result
        compat.go_back(self.environment, before)
        unknown: dict[Any, Any] = {}

        def loose(argument: Any) -> Any:
            if isinstance(argument, torch.Tensor):
                shape = [loose(size) for size in argument.shape]
                with self.mode:
                    return torch.empty(shape, dtype=argument.dtype)
            if isinstance(argument, (list, tuple)):
                return [loose(item) for item in argument]
            if isinstance(argument, torch.SymInt):
                key = compat.expression_of(argument)
                if key not in unknown:
                    unknown[key] = self.unknown_size()
                return unknown[key]
            return argument

        loosened = [loose(argument) for argument in args]
        try:
            return self._run(function, loosened, kwargs)
        except Exception:
            return self.run(function, args, kwargs)

    def _run(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        with compat.running_on(self.mode), torch.no_grad():
            return function(*args, **kwargs)

    def _special(self, function: Any, args: Sequence[Any]) -> Any:
        """The type of a result whose sizes depend on data that PyTorch's own code looks at."""
        name = function.name() if compat.is_operator(function) else ""
        if name == "aten::_pad_packed_sequence":
            return self._padded(*args)
        if name == "aten::index.Tensor" and any(map(_is_of_bytes, args[1])):
            # Masks of bytes, which PyTorch's types don't know.
            masks = [
                self.run(torch.Tensor.bool, [i], {}) if _is_of_bytes(i) else i for i in args[1]
            ]
            return self.run(function, [args[0], masks], {})
        if name == "aten::one_hot" and (compat.is_unknown(args[1]) or args[1] == -1):
            with self.mode:
                return torch.empty([*args[0].shape, self.unknown_size()], dtype=torch.int64)
        if name == "aten::repeat_interleave.self_Tensor":
            return self._interleaved(args[0], args[2])
        if name == "aten::copy_" and any(map(compat.is_unknown, args[1].shape)):
            # Before 2.12 PyTorch asks whether such sizes are broadcast. The result is the first.
            return args[0]
        if name == "aten::narrow.Tensor":
            # PyTorch 2.6 makes a number of where it starts. The result is the same at any place.
            x, axis, _, length = args
            return self.run(torch.ops.aten.narrow.default, [x, axis, 0, length], {})
        if name == "aten::unbind.int" and args[0].dim():
            # PyTorch's own code squeezes parts, which drops no size that it does not know.
            x, axis = args
            count = compat.example_of(x.shape[axis])
            select = torch.ops.aten.select.int
            return count and [self.run(select, [x, axis, i], {}) for i in range(count)]
        return None

    def _interleaved(self, x: torch.Tensor, dim: int | None) -> torch.Tensor:
        """Elements repeated as often as a tensor tells. PyTorch's own code takes the tensor's size
        for that of the axis, but one number stands for all.
        """
        sizes: list[Any] = list(x.shape) or [1]
        if dim is None:
            sizes, dim = [1], 0
        sizes[dim] = self.unknown_size()
        with self.mode:
            return torch.empty(sizes, dtype=x.dtype)

    def _settle_whole(self, tensor: torch.Tensor, target: Sequence[Any]) -> None:
        """Known sizes that a tensor is brought to settle how many elements it has: PyTorch takes
        symbolic ones for equal to these without noting it.
        """
        if all(isinstance(size, int) and size >= 0 for size in target):
            with compat.running_on(self.mode):
                bool(tensor.numel() == math.prod(target))

    def _padded(
        self,
        data: torch.Tensor,
        batch_sizes: torch.Tensor,
        batch_first: bool,
        padding_value: Any,
        total_length: Any,
    ) -> list[torch.Tensor]:
        """A packed sequence padded again. PyTorch's own code looks at the numbers."""
        given = not isinstance(total_length, int) or total_length > 0
        steps = total_length if given else batch_sizes.shape[0]
        members = self.unknown_size()
        outer = [members, steps] if batch_first else [steps, members]
        with self.mode:
            padded = torch.empty([*outer, *data.shape[1:]], dtype=data.dtype)
            return [padded, torch.empty([members], dtype=batch_sizes.dtype)]

    def _sampled(
        self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], data: int, factor: int
    ) -> Sample | None:
        """The result's type for known sizes; None where the operator does not take them."""
        mode = compat.fake_mode()
        fakes: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

        def known(argument: Any) -> Any:
            if isinstance(argument, torch.Tensor):
                if id(argument) not in fakes:
                    sizes, strides = known(argument.shape), known(argument.stride())
                    with mode:
                        fake = torch.empty_strided(sizes, strides, dtype=argument.dtype)
                    fakes[id(argument)] = argument, fake
                return fakes[id(argument)][1]
            if isinstance(argument, (list, tuple)):
                return [known(item) for item in argument]
            return compat.value_at(argument, self.environment, data, factor)

        try:
            named = {name: known(argument) for name, argument in kwargs.items()}
            with compat.running_on(mode), torch.no_grad():
                result = function(*[known(argument) for argument in args], **named)
        except Exception:
            return None
        return Sample(result, list(fakes.values()))

    def _common(self, samples: Sequence[Sample | None]) -> Any:
        """What the results are alike in, the first of which is there."""
        runs = [sample for sample in samples if sample is not None]
        first = runs[0].result
        if isinstance(first, (list, tuple)):
            if any(len(run.result) != len(first) for run in runs):
                return None
            return [
                self._common([s and replace(s, result=s.result[i]) for s in samples])
                for i in range(len(first))
            ]
        if not isinstance(first, torch.Tensor):
            return first if all(run.result == first for run in runs) else self.unknown_size()
        complete = len(runs) == len(samples)
        sizes: list[Any] = []
        for axis, size in enumerate(first.shape):
            same = complete and all(run.result.shape[axis] == size for run in runs)
            sizes.append(size if same else self.unknown_size())
        for index, (argument, _) in enumerate(runs[0].arguments):
            # What is written to a view is written to what it looks at.
            looks = all(compat.same_storage(r.result, r.arguments[index][1]) for r in runs)
            if looks and argument.dtype == first.dtype:
                return self._view(argument, sizes, _strides(runs, index))
        with self.mode:
            return torch.empty(sizes, dtype=first.dtype)

    def _view(
        self, base: torch.Tensor, sizes: Sequence[Any], strides: Sequence[Any] | None
    ) -> torch.Tensor:
        with compat.running_on(self.mode), torch.no_grad():
            if strides is not None:
                with contextlib.suppress(Exception):  # PyTorch 2.6 compares unknown sizes
                    return base.as_strided(sizes, strides)
            return base.as_strided(sizes, torch.empty(sizes).stride())


def _strides(runs: Sequence[Sample], index: int) -> list[Any] | None:
    """A view's strides where each is known or one of its base's, which is argument ``index``."""
    base = runs[0].arguments[index][0]
    found: list[Any] = []
    for axis, stride in enumerate(runs[0].result.stride()):
        if all(run.result.stride(axis) == stride for run in runs):
            found.append(stride)
            continue
        places = (
            place
            for place in range(base.dim())
            if all(run.result.stride(axis) == run.arguments[index][1].stride(place) for run in runs)
        )
        place = next(places, None)
        if place is None:
            return None
        found.append(base.stride(place))
    return found
