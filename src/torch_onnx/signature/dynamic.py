"""``dynamic_shapes`` and ``dynamic_axes`` in all their forms → one: by tensor, by axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch_onnx.errors import DynamicShapeError
from torch_onnx.signature.binding import Bound
from torch_onnx.signature.matching import is_dim, specs_by_leaf, tensor_of


@dataclass(frozen=True, slots=True)
class AxisSpec:
    """A dynamic axis: the user's name for it, and the range given.

    ``derived`` is ``(factor, offset, root)`` for a dim such as ``2*batch + 1``.
    """

    name: str | None = None
    min: int | None = None
    max: int | None = None
    derived: tuple[int, int, str] | None = None


@dataclass(slots=True)
class Dynamic:
    """Dynamic axes by position of the input, and names for the axes of outputs.

    Output axes may be negative: outputs are known only after the capture.
    """

    inputs: dict[int, dict[int, AxisSpec]] = field(default_factory=dict)
    output_names: dict[str, dict[int, str]] = field(default_factory=dict)


def settle_dynamic(
    bound: Bound, names: Sequence[str], dynamic_shapes: Any, dynamic_axes: Any
) -> Dynamic:
    """Bring what the user wrote to one form. Both arguments together add up.

    Raises:
        DynamicShapeError: for what does not fit the inputs, naming what was written and what
            is there.
    """
    dynamic = Dynamic()
    if dynamic_axes:
        _axes(dynamic, bound, names, dynamic_axes)
    if dynamic_shapes is not None:
        for index, spec in specs_by_leaf(bound, names, dynamic_shapes):
            _add(dynamic, bound, names, index, spec, "dynamic_shapes")
    _check_equal_names(dynamic, bound, names)
    return dynamic


def _axes(dynamic: Dynamic, bound: Bound, names: Sequence[str], axes: Any) -> None:
    if not isinstance(axes, Mapping):
        raise DynamicShapeError(f"dynamic_axes is a dict by input name, not {type(axes).__name__}.")
    by_path = {leaf.name: i for i, leaf in enumerate(bound.leaves)}
    for name, spec in axes.items():
        if not isinstance(spec, (Mapping, list, tuple)):
            raise DynamicShapeError(
                f"dynamic_axes for {name!r} is {spec!r}: write {{axis: name}} or a list of axes."
            )
        for axis in spec:
            _check_axis_type(axis, name, "dynamic_axes")
        index = list(names).index(name) if name in names else by_path.get(name)
        named = spec if isinstance(spec, Mapping) else dict.fromkeys(spec)
        for text in named.values():
            if text is not None and not isinstance(text, str):
                raise DynamicShapeError(f"dynamic_axes for {name!r}: {text!r} is no name.")
        if index is not None:
            _add(dynamic, bound, names, index, {a: t or "" for a, t in named.items()},
                 "dynamic_axes")  # fmt: skip
        else:
            # Outputs are named only after the capture: what is no output either is told then.
            dynamic.output_names[name] = {axis: text for axis, text in named.items() if text}


def _check_axis_type(axis: Any, name: str, argument: str) -> None:
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise DynamicShapeError(f"{argument} for {name!r}: {axis!r} is no axis number.")


def _add(
    dynamic: Dynamic, bound: Bound, names: Sequence[str], index: int, spec: Any, argument: str
) -> None:
    if spec is None:
        return
    tensor, name = tensor_of(bound, index), names[index]
    if isinstance(spec, Mapping):
        rows = list(spec.items())
    elif isinstance(spec, (list, tuple)):
        if len(spec) != tensor.dim():
            raise DynamicShapeError(
                f"{argument} for {name!r} has {len(spec)} entries, the example has "
                f"{tensor.dim()} axes: {list(tensor.shape)}."
            )
        rows = list(enumerate(spec))
    else:
        raise DynamicShapeError(
            f"{argument} for {name!r} is {spec!r}: write {{axis: name}} or one entry an axis."
        )
    axes = dynamic.inputs.get(index, {})
    here: set[int] = set()
    for axis, part in rows:
        _check_axis_type(axis, name, argument)
        if not -tensor.dim() <= axis < tensor.dim():
            raise DynamicShapeError(
                f"{argument} for {name!r} has axis {axis}, the example has "
                f"{tensor.dim()} axes: {list(tensor.shape)}."
            )
        axis %= tensor.dim()
        if axis in here:
            raise DynamicShapeError(f"{argument} for {name!r} has axis {axis} twice.")
        here.add(axis)
        wanted = _axis(part, tensor.shape[axis], name, axis)
        if wanted is not None:
            axes[axis] = _merged(axes.get(axis), wanted, name, axis)
    if axes:
        dynamic.inputs[index] = axes


def _merged(old: AxisSpec | None, new: AxisSpec, name: str, axis: int) -> AxisSpec:
    """One spec of two that were given for an axis."""
    if old is None or old == new or old == AxisSpec():
        return new
    if new == AxisSpec():
        return old
    if old == AxisSpec(new.name):
        return new
    if new == AxisSpec(old.name):
        return old
    raise DynamicShapeError(
        f"Axis {axis} of {name!r} is given twice: {_shown(old)}, {_shown(new)}."
    )


def _shown(spec: AxisSpec) -> str:
    low = 0 if spec.min is None else spec.min
    text = spec.name or "unnamed"
    return text if spec == AxisSpec(spec.name) else f"{text} in {low}..{spec.max or ''}"


def _axis(spec: Any, size: int, name: str, axis: int) -> AxisSpec | None:
    if spec is None:
        return None
    if isinstance(spec, str):
        return AxisSpec(spec or None)
    if isinstance(spec, int):
        if spec != size:
            raise DynamicShapeError(
                f"dynamic_shapes fixes axis {axis} of {name!r} to {spec}, the example has {size}."
            )
        return None
    # A hint is of a type, and was that type itself in PyTorch 2.6.
    hint = str(getattr(getattr(spec, "type", spec), "name", ""))
    if hint == "STATIC":
        return None
    if not is_dim(spec):
        raise DynamicShapeError(
            f"{spec!r} for axis {axis} of {name!r} is no dim: write a name or a Dim."
        )
    low, high = _limit(getattr(spec, "min", None)), _limit(getattr(spec, "max", None))
    text = None if hint in ("AUTO", "DYNAMIC") else str(spec.__name__)
    if (low is not None and size < low) or (high is not None and size > high):
        raise DynamicShapeError(
            f"Axis {axis} of {name!r} is {size} in the example, outside of {text or 'its dim'}'s "
            f"range {low or 0}..{'' if high is None else high}."
        )
    return AxisSpec(text, low, high, None if text is None else _derived(spec))


def _derived(spec: Any) -> tuple[int, int, str] | None:
    """Factor, offset and root of a dim such as ``2*batch + 1``. PyTorch has linear ones only."""
    root, function = getattr(spec, "root", None), getattr(spec, "fn", None)
    if root is None or function is None:
        return None
    offset = int(function(0))
    return int(function(1)) - offset, offset, str(root.__name__)


def _limit(limit: Any) -> int | None:
    """A Dim's limit; those that stand for "none" are dropped."""
    if not isinstance(limit, int) or limit <= 0 or limit >= 2**31:
        return None
    return limit


def _check_equal_names(dynamic: Dynamic, bound: Bound, names: Sequence[str]) -> None:
    """One name stands for one size, and a derived dim follows from its root's."""
    sizes: dict[str, tuple[int, str]] = {}
    for index, axes in dynamic.inputs.items():
        for axis, spec in axes.items():
            if spec.name is None:
                continue
            size, place = tensor_of(bound, index).shape[axis], f"axis {axis} of {names[index]!r}"
            other, first = sizes.setdefault(spec.name, (size, place))
            if other != size:
                raise DynamicShapeError(
                    f"{spec.name!r} is {other} in {first} and {size} in {place}: "
                    "one name stands for one size."
                )
    for axes in dynamic.inputs.values():
        for spec in axes.values():
            if spec.derived is None or spec.name is None:
                continue
            factor, offset, root = spec.derived
            size, place = sizes[spec.name]
            # Where the root is no axis itself, the size must still be one that it can give.
            expected = factor * sizes[root][0] + offset if root in sizes else None
            possible = factor != 0 and (size - offset) % factor == 0
            if (expected is None and not possible) or expected not in (None, size):
                why = f"no {root!r} gives that"
                if root in sizes:
                    why = f"{root!r} is {sizes[root][0]} in {sizes[root][1]}"
                raise DynamicShapeError(f"{spec.name!r} is {size} in {place}, but {why}.")
