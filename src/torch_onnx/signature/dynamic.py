"""``dynamic_shapes`` and ``dynamic_axes`` in all their forms → one: by tensor, by axis."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from torch_onnx.errors import DynamicShapeError
from torch_onnx.signature.binding import Bound
from torch_onnx.signature.structure import flatten


@dataclass(frozen=True, slots=True)
class AxisSpec:
    """A dynamic axis: the user's name for it, and the range given."""

    name: str | None = None
    min: int | None = None
    max: int | None = None


@dataclass(slots=True)
class Dynamic:
    """Dynamic axes by position of the input, and names for the axes of outputs."""

    inputs: dict[int, dict[int, AxisSpec]] = field(default_factory=dict)
    output_names: dict[str, dict[int, str]] = field(default_factory=dict)


def settle_dynamic(
    bound: Bound, names: Sequence[str], dynamic_shapes: Any, dynamic_axes: Any
) -> Dynamic:
    """Bring what the user wrote to one form.

    Raises:
        DynamicShapeError: for what does not fit the inputs, naming what was written and what is there.
    """
    dynamic = Dynamic()
    if dynamic_shapes is not None and dynamic_axes:
        raise DynamicShapeError("Give dynamic_shapes or dynamic_axes, not both.")
    if dynamic_shapes is not None:
        for index, spec in _by_leaf(bound, names, dynamic_shapes):
            _add(dynamic, bound, names, index, spec, "dynamic_shapes")
    elif dynamic_axes:
        _axes(dynamic, bound, names, dynamic_axes)
    _check_equal_names(dynamic, bound, names)
    return dynamic


def _axes(dynamic: Dynamic, bound: Bound, names: Sequence[str], axes: Any) -> None:
    if not isinstance(axes, Mapping):
        raise DynamicShapeError(f"dynamic_axes is a dict by input name, not {type(axes).__name__}.")
    by_path = {leaf.name: i for i, leaf in enumerate(bound.leaves)}
    for name, spec in axes.items():
        index = list(names).index(name) if name in names else by_path.get(name)
        if index is not None:
            named = dict.fromkeys(spec) if not isinstance(spec, Mapping) else spec
            rows = {axis: text or torch.export.Dim.AUTO for axis, text in named.items()}
            _add(dynamic, bound, names, index, rows, "dynamic_axes")
        else:
            # Outputs are named only after the capture: what is no output either is reported then.
            named = spec if isinstance(spec, Mapping) else {}
            dynamic.output_names[name] = {int(axis): str(text) for axis, text in named.items()}


def _by_leaf(bound: Bound, names: Sequence[str], spec: Any) -> Iterator[tuple[int, Any]]:
    if hasattr(spec, "dynamic_shapes"):  # torch.export.ShapesCollection
        raise DynamicShapeError("Give the dict of a ShapesCollection, not the collection itself.")
    arguments = bound.arguments
    starts = _leaf_positions(bound)
    if isinstance(spec, Mapping):
        if spec and all(isinstance(key, int) for key in spec):
            if len(bound.leaves) != 1:
                raise DynamicShapeError(
                    f"dynamic_shapes={spec!r} names axes, but the model has {len(bound.leaves)} inputs: "
                    f"write it by argument: {', '.join(arguments)}."
                )
            yield 0, spec
            return
        for key, part in spec.items():
            if key in arguments:
                yield from _match(part, arguments[key], starts[key], str(key))
            elif key in names:
                yield list(names).index(key), part
            elif key in (paths := [leaf.name for leaf in bound.leaves]):
                yield paths.index(key), part
            elif (inner := _variable_keywords(bound)) and key in inner:
                yield from _match(part, inner[key], starts[str(key)], str(key))
            else:
                raise DynamicShapeError(
                    f"dynamic_shapes names {key!r}; the model's inputs are "
                    f"{', '.join(dict.fromkeys([*arguments, *names]))}."
                )
        return
    if isinstance(spec, (tuple, list)):
        values = list(bound.args) + list(bound.kwargs.values())
        if len(spec) == 1 and len(values) > 1 and isinstance(spec[0], (tuple, list)):
            spec = spec[0]  # torch.export wraps what goes to *args in a tuple of its own
        if len(spec) > len(values):
            raise DynamicShapeError(
                f"dynamic_shapes has {len(spec)} entries, the call has {len(values)} arguments."
            )
        position = 0
        for i, part in enumerate(spec):
            yield from _match(part, values[i], position, f"argument {i}")
            position += len(flatten(values[i])[0])
        return
    raise DynamicShapeError(f"dynamic_shapes is a dict or a tuple, not {type(spec).__name__}.")


def _leaf_positions(bound: Bound) -> dict[str, int]:
    """The position of each argument's first tensor."""
    positions: dict[str, int] = {}
    names = list(bound.arguments)
    for index, leaf in enumerate(bound.leaves):
        positions.setdefault(leaf.path[0], index)
    for name in names:
        positions.setdefault(name, 0)
    return positions


def _variable_keywords(bound: Bound) -> dict[str, Any]:
    return {key: value for key, value in bound.kwargs.items() if key not in bound.arguments}


def _match(spec: Any, value: Any, start: int, where: str) -> Iterator[tuple[int, Any]]:
    """Pair the parts of a spec with the tensors of a value, ``start`` being the first's position."""
    if spec is None:
        return
    if isinstance(value, torch.Tensor):
        yield start, spec
        return
    leaves = flatten(value)[0]
    if not leaves:
        return
    children = _children(value)
    if isinstance(spec, Mapping) and children is not None and set(map(str, spec)) <= set(children):
        for key, part in spec.items():
            offset = sum(len(flatten(v)[0]) for v in _before(children, str(key)))
            yield from _match(part, children[str(key)], start + offset, f"{where}.{key}")
        return
    if isinstance(spec, (list, tuple)):
        if children is not None and len(spec) == len(children) and not _is_cache(value):
            offset = start
            for part, (name, child) in zip(spec, children.items(), strict=True):
                yield from _match(part, child, offset, f"{where}.{name}")
                offset += len(flatten(child)[0])
            return
        parts = list(_tensor_specs(spec))
        if len(parts) == len(leaves):
            if _is_cache(value) and len(spec) == 2 and len(leaves) > 2:
                # [[all keys], [all values]], while the leaves go key, value, key, value.
                half = len(leaves) // 2
                parts = [parts[i // 2 + (i % 2) * half] for i in range(len(leaves))]
            yield from ((start + i, part) for i, part in enumerate(parts))
            return
    raise DynamicShapeError(
        f"dynamic_shapes for {where} does not fit its structure: it holds {len(leaves)} tensors "
        f"({', '.join(leaf.name or 'itself' for leaf in leaves[:6])})."
    )


def _is_cache(value: Any) -> bool:
    return hasattr(value, "layers") and not isinstance(value, torch.nn.Module)


def _children(value: Any) -> dict[str, Any] | None:
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        names = getattr(value, "_fields", None) or map(str, range(len(value)))
        return dict(zip(names, value, strict=True))
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    return dict(getattr(value, "__dict__", {})) or None


def _before(children: Mapping[str, Any], key: str) -> Iterator[Any]:
    for name, child in children.items():
        if name == key:
            return
        yield child


def _tensor_specs(spec: Any) -> Iterator[Any]:
    """The specs of single tensors within nested lists."""
    if spec is None or (isinstance(spec, Mapping) and all(isinstance(k, int) for k in spec)):
        yield spec
    elif isinstance(spec, Mapping):
        for part in spec.values():
            yield from _tensor_specs(part)
    elif isinstance(spec, (list, tuple)):
        if spec and all(p is None or isinstance(p, (str, int)) or _is_dim(p) for p in spec):
            yield spec
        else:
            for part in spec:
                yield from _tensor_specs(part)


def _is_dim(spec: Any) -> bool:
    return hasattr(spec, "__name__") or type(spec).__name__ == "_DimHint"


def _add(
    dynamic: Dynamic, bound: Bound, names: Sequence[str], index: int, spec: Any, argument: str
) -> None:
    if spec is None:
        return
    tensor: torch.Tensor = bound.leaves[index].value
    if isinstance(spec, Mapping):
        rows = list(spec.items())
    elif isinstance(spec, (list, tuple)):
        rows = list(enumerate(spec))
    else:
        raise DynamicShapeError(
            f"{argument} for {names[index]!r} is {spec!r}: write {{axis: name}} or one entry an axis."
        )
    axes: dict[int, AxisSpec] = {}
    for axis, part in rows:
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise DynamicShapeError(f"{argument} for {names[index]!r}: {axis!r} is no axis number.")
        if not -tensor.dim() <= axis < tensor.dim():
            raise DynamicShapeError(
                f"{argument} for {names[index]!r} has axis {axis}, the example has "
                f"{tensor.dim()} axes: {list(tensor.shape)}."
            )
        axis %= tensor.dim()
        if axis in axes:
            raise DynamicShapeError(f"{argument} for {names[index]!r} has axis {axis} twice.")
        wanted = _axis(part, tensor.shape[axis], names[index], axis)
        if wanted is not None:
            axes[axis] = wanted
    if axes:
        dynamic.inputs.setdefault(index, {}).update(axes)


def _axis(spec: Any, size: int, name: str, axis: int) -> AxisSpec | None:
    if spec is None:
        return None
    if isinstance(spec, str):
        return AxisSpec(spec)
    if isinstance(spec, int):
        if spec != size:
            raise DynamicShapeError(
                f"dynamic_shapes fixes axis {axis} of {name!r} to {spec}, the example has {size}."
            )
        return None
    hint = str(getattr(getattr(spec, "type", None), "name", ""))
    low, high = getattr(spec, "min", None), getattr(spec, "max", None)
    if hint == "STATIC":
        return None
    if hint in ("AUTO", "DYNAMIC"):
        return AxisSpec(None, low, high)
    if not _is_dim(spec):
        raise DynamicShapeError(
            f"{spec!r} for axis {axis} of {name!r} is no dim: write a name or a Dim."
        )
    low, high = _bound(low), _bound(high)
    if (low is not None and size < low) or (high is not None and size > high):
        raise DynamicShapeError(
            f"Axis {axis} of {name!r} is {size} in the example, outside of {spec.__name__}'s "
            f"range {low}..{high}."
        )
    return AxisSpec(spec.__name__, low, high)


def _bound(limit: Any) -> int | None:
    """A Dim's limit; those that stand for "none" are dropped."""
    if not isinstance(limit, int) or limit <= 0 or limit >= 2**31:
        return None
    return limit


def _check_equal_names(dynamic: Dynamic, bound: Bound, names: Sequence[str]) -> None:
    first: dict[str, tuple[int, int, int]] = {}
    for index, axes in dynamic.inputs.items():
        for axis, spec in axes.items():
            if spec.name is None:
                continue
            size = bound.leaves[index].value.shape[axis]
            other = first.setdefault(spec.name, (index, axis, size))
            if other[2] != size:
                raise DynamicShapeError(
                    f"{spec.name!r} is {other[2]} in axis {other[1]} of {names[other[0]]!r} and {size} in "
                    f"axis {axis} of {names[index]!r}: one name stands for one size."
                )
