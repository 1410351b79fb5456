"""``dynamic_shapes`` in every form that torch.export takes → pairs of tensor and spec."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from torch_onnx.errors import DynamicShapeError
from torch_onnx.signature.binding import Bound
from torch_onnx.signature.structure import Path

_UNKNOWN = object()
_CACHE_LISTS = ("key_cache", "value_cache"), ("keys", "values"), ("key", "value")


def specs_by_leaf(bound: Bound, names: Sequence[str], spec: Any) -> Iterator[tuple[int, Any]]:
    """Pair what the user wrote with the positions of the tensors that it is about.

    Raises:
        DynamicShapeError: for what fits no argument or not its structure.
    """
    if hasattr(spec, "dynamic_shapes"):
        yield from _collected(bound, spec)
        return
    matcher = _Matcher(bound)
    arguments = _arguments(bound)
    if isinstance(spec, Mapping):
        if spec and all(_is_axis(key) for key in spec):
            if len(bound.leaves) != 1:
                raise DynamicShapeError(
                    f"dynamic_shapes={spec!r} names axes, but the model has {len(bound.leaves)} "
                    f"inputs: write it by argument: {', '.join(arguments)}."
                )
            yield 0, spec
            return
        yield from _by_name(bound, names, spec, matcher, arguments)
    elif isinstance(spec, (tuple, list)):
        rows = list(arguments.values())
        if len(spec) != len(rows):  # *args one by one; torch.export takes them as one tuple
            rows = [(value, path) for _, value, path in bound.entries]
        if len(spec) != len(rows):
            raise DynamicShapeError(
                f"dynamic_shapes has {len(spec)} entries, the call has {len(rows)} arguments: "
                f"{', '.join(arguments) or 'none'}."
            )
        for part, (value, path) in zip(spec, rows, strict=True):
            yield from matcher.match(part, value, path)
    else:
        raise DynamicShapeError(f"dynamic_shapes is a dict or a tuple, not {type(spec).__name__}.")


def is_dim(spec: Any) -> bool:
    """Whether a value is a Dim, or a hint such as Dim.AUTO, of torch.export."""
    return type(spec).__name__ == "_DimHint" or (
        hasattr(spec, "__name__") and hasattr(spec, "min") and hasattr(spec, "max")
    )


def _collected(bound: Bound, spec: Any) -> Iterator[tuple[int, Any]]:
    """The specs of a torch.export.ShapesCollection, which is keyed by tensor."""
    if not hasattr(spec, "__getitem__"):
        raise DynamicShapeError(
            f"dynamic_shapes is a {type(spec).__name__}: write its shapes as a dict by argument."
        )
    asked = copy.deepcopy(spec)  # asking for a tensor that is not in it adds it, or returns None
    before = len(asked)
    tensors = {id(leaf.value): leaf.value for leaf in bound.leaves}
    found = [asked[tensor] for tensor in tensors.values()]
    without = len(asked) - before + sum(shapes is None for shapes in found)
    missing = before - (len(tensors) - without)
    if missing:
        raise DynamicShapeError(
            f"dynamic_shapes has shapes for {missing} tensors that are not among the arguments."
        )
    by_id = dict(zip(tensors, found, strict=True))
    for index, leaf in enumerate(bound.leaves):
        if by_id[id(leaf.value)]:
            yield index, by_id[id(leaf.value)]


def _arguments(bound: Bound) -> dict[str, tuple[Any, Path]]:
    """Values and paths by argument in forward's order, those of ``**kwargs`` each on its own."""
    paths = {path[0]: path for _, _, path in bound.entries if len(path) == 1}
    rows: dict[str, tuple[Any, Path]] = {}
    for name, value in bound.arguments.items():
        if name in paths:
            rows[name] = value, paths[name]
        elif isinstance(value, Mapping):
            rows |= {key: (item, (key,)) for key, item in value.items()}
        else:
            rows[name] = value, tuple(name.split("."))
    return rows


def _by_name(
    bound: Bound,
    names: Sequence[str],
    spec: Mapping[Any, Any],
    matcher: _Matcher,
    arguments: Mapping[str, tuple[Any, Path]],
) -> Iterator[tuple[int, Any]]:
    paths = [leaf.name for leaf in bound.leaves]
    for key, part in spec.items():
        if key in arguments:
            yield from matcher.match(part, *arguments[key])
        elif key in names:
            yield list(names).index(key), part
        elif key in paths:
            yield paths.index(key), part
        elif key in bound.arguments and isinstance(part, Mapping):  # the name of **kwargs
            yield from _by_name(bound, names, part, matcher, arguments)
        elif part is not None or key not in bound.parameters:
            raise DynamicShapeError(
                f"dynamic_shapes names {key!r}; the model's inputs are "
                f"{', '.join(dict.fromkeys([*arguments, *names]))}."
            )


class _Matcher:
    def __init__(self, bound: Bound) -> None:
        self._paths = [leaf.path for leaf in bound.leaves]

    def match(self, spec: Any, value: Any, path: Path) -> Iterator[tuple[int, Any]]:
        """The tensors under ``path`` with their parts of the spec."""
        under = [i for i, p in enumerate(self._paths) if p[: len(path)] == path]
        if _says_nothing(spec):
            return
        if not under:
            raise DynamicShapeError(
                f"dynamic_shapes gives {spec!r} for {_dotted(path)}, which holds no tensor"
                f"{'' if value is _UNKNOWN else f' (it is {value!r:.60})'}."
            )
        if self._paths[under[0]] == path:
            yield under[0], spec
            return
        inner = [self._paths[i][len(path) :] for i in under]
        children = self._children(value, inner)
        if _is_layered(inner):
            pairs = self._layered(spec, under, path)
            if pairs is not None:
                yield from pairs
                return
        if isinstance(spec, Mapping):
            yield from self._keyed(spec, children, path, under)
            return
        if isinstance(spec, (list, tuple)):
            if len(spec) == len(children):
                for part, (step, child) in zip(spec, children.items(), strict=True):
                    yield from self.match(part, child, (*path, step))
                return
            parts = list(_tensor_specs(spec))
            if len(parts) == len(under):
                yield from zip(under, parts, strict=True)
                return
        raise self._unfit(spec, path, under)

    def _keyed(
        self, spec: Mapping[Any, Any], children: Mapping[str, Any], path: Path, under: list[int]
    ) -> Iterator[tuple[int, Any]]:
        for key, part in spec.items():
            steps = (*path, *str(key).split("."))
            if str(key) in children:
                yield from self.match(part, children[str(key)], (*path, str(key)))
            elif any(p[: len(steps)] == steps for p in self._paths):
                yield from self.match(part, _UNKNOWN, steps)
            else:
                raise self._unfit(spec, path, under)

    def _layered(self, spec: Any, under: list[int], path: Path) -> list[tuple[int, Any]] | None:
        """The specs of a cache, whose tensors go key, value, key, value; None for other forms."""
        layers = len(under) // 2
        readings = []
        if isinstance(spec, Mapping):
            for keys, values in _CACHE_LISTS:
                if set(spec) == {keys, values}:
                    readings.append(_interleaved(spec[keys], spec[values], layers))
        elif isinstance(spec, (list, tuple)):
            if len(spec) == 2 * layers and all(_is_tensor_spec(part) for part in spec):
                readings.append(list(spec))
            if len(spec) == layers and all(_is_pair(part) for part in spec):
                readings.append([part for pair in spec for part in _pair(pair)])
            if len(spec) == 2:
                readings.append(_interleaved(spec[0], spec[1], layers))
        good = [reading for reading in readings if reading is not None]
        if not good:
            return None
        if any(reading != good[0] for reading in good):
            raise DynamicShapeError(
                f"dynamic_shapes for {_dotted(path)} can be read as a pair for each layer and as "
                f"all keys, then all values: write it by name, such as "
                f"{{'{_dotted(self._paths[under[0]])}': …}}."
            )
        return list(zip(under, good[0], strict=True))

    def _children(self, value: Any, inner: Sequence[Path]) -> dict[str, Any]:
        if isinstance(value, Mapping):
            return {str(key): item for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            names = getattr(value, "_fields", None) or map(str, range(len(value)))
            return dict(zip(names, value, strict=True))
        if dataclasses.is_dataclass(value):
            return {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}
        return {steps[0]: _UNKNOWN for steps in inner}

    def _unfit(self, spec: Any, path: Path, under: Sequence[int]) -> DynamicShapeError:
        names = [_dotted(self._paths[i]) for i in under]
        shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
        return DynamicShapeError(
            f"dynamic_shapes for {_dotted(path)} is {spec!r:.80}, which does not fit its "
            f"structure: it holds {len(names)} tensors ({shown})."
        )


def _says_nothing(spec: Any) -> bool:
    if isinstance(spec, Mapping):
        return all(_says_nothing(part) for part in spec.values())
    if isinstance(spec, (list, tuple)) and not spec:
        return True
    return spec is None


def _is_axis(key: Any) -> bool:
    return isinstance(key, int) and not isinstance(key, bool)


def _is_tensor_spec(spec: Any) -> bool:
    if spec is None:
        return True
    if isinstance(spec, Mapping):
        return all(_is_axis(key) for key in spec)
    return isinstance(spec, (list, tuple)) and all(
        part is None or isinstance(part, (str, int)) or is_dim(part) for part in spec
    )


def _tensor_specs(spec: Any) -> Iterator[Any]:
    """The specs of single tensors within nested containers, in order."""
    if _is_tensor_spec(spec) and spec not in ([], ()):
        yield spec
    elif isinstance(spec, (list, tuple, Mapping)):
        for part in spec.values() if isinstance(spec, Mapping) else spec:
            yield from _tensor_specs(part)
    else:
        yield spec


def _is_layered(inner: Sequence[Path]) -> bool:
    """Whether the tensors are a cache's: ``0.key``, ``0.value``, ``1.key``, …"""
    return len(inner) % 2 == 0 and all(
        len(steps) == 2 and steps[1] == ("key", "value")[i % 2] and steps[0] == inner[i - i % 2][0]
        for i, steps in enumerate(inner)
    )


def _is_pair(spec: Any) -> bool:
    if isinstance(spec, Mapping):
        return any(set(spec) == set(pair) for pair in _CACHE_LISTS)
    return (
        isinstance(spec, (list, tuple)) and len(spec) == 2 and all(_is_tensor_spec(p) for p in spec)
    )


def _pair(spec: Any) -> tuple[Any, Any]:
    if isinstance(spec, Mapping):
        return next((spec[k], spec[v]) for k, v in _CACHE_LISTS if k in spec)
    return spec[0], spec[1]


def _interleaved(keys: Any, values: Any, layers: int) -> list[Any] | None:
    for part in (keys, values):
        if not isinstance(part, (list, tuple)) or len(part) != layers:
            return None
        if not all(_is_tensor_spec(spec) for spec in part):
            return None
    return [spec for pair in zip(keys, values, strict=True) for spec in pair]


def _dotted(path: Path) -> str:
    return ".".join(path)


def tensor_of(bound: Bound, index: int) -> torch.Tensor:
    """The example's tensor at a position."""
    tensor: torch.Tensor = bound.leaves[index].value
    return tensor
