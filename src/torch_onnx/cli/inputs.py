"""Example inputs from the command line: described, or read from a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from torch_onnx.errors import InputError

# Sizes of dims given by name only; each name has its own, so that none is taken for another.
SIZES = (2, 6, 10, 12, 14, 18)
HIGHEST_INTEGER = 8

DTYPES = {
    name: getattr(torch, name)
    for name in (
        "float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8",
        "bool", "complex64", "complex128",
    )
}  # fmt: skip
DTYPES |= {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64}
DTYPES |= {"i8": torch.int8, "i32": torch.int32, "i64": torch.int64, "u8": torch.uint8}

_DESCRIBED = re.compile(r"(?:(?P<name>[\w.]+):)?(?P<dtype>\w+)\[(?P<shape>[^\]]*)\]")
_DIM = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:=(?P<size>\d+))?|(?P<fixed>\d+)")


@dataclass(slots=True)
class Inputs:
    """An example call and its dynamic dims."""

    args: tuple[torch.Tensor, ...] = ()
    kwargs: dict[str, torch.Tensor] = field(default_factory=dict)
    dynamic: dict[str, dict[int, str]] = field(default_factory=dict)

    @property
    def dynamic_axes(self) -> dict[str, dict[int, str]] | None:
        """By the inputs' names; None where no dim is dynamic."""
        return self.dynamic or None


def parse(descriptions: Sequence[str], file: Path | None = None) -> Inputs:
    """``x:float32[batch,3,224,224]`` and the like; names are arguments of the model's forward.

    A size may be a number, a name (a dynamic dim), or a name with the example's size (``n=128``).
    Inputs without a name are positional. ``file`` is an ``.npz``; descriptions of inputs that it
    has name their dims.

    Raises:
        InputError: for a description that can't be read, or a file that does not fit it.
    """
    found = Inputs()
    given = {} if file is None else _read(file)
    found.kwargs.update(given)
    sizes: dict[str, int] = {}
    positional: list[torch.Tensor] = []
    for index, text in enumerate(descriptions):
        name, dtype, dims = _parts(text)
        made = given.get(name) if name is not None else None
        if made is not None:
            _check(text, made, dtype, dims)
        else:
            made = _make(dtype, _sizes(dims, sizes), index)
        names = {axis: dim for axis, (dim, _) in enumerate(dims) if dim is not None}
        if name is None:
            if names:
                raise InputError(f"{text}: an input with dynamic dims needs a name: x:{text}.")
            positional.append(made)
            continue
        found.kwargs[name] = made
        if names:
            found.dynamic[name] = names
    found.args = tuple(positional)
    return found


Dims = list[tuple["str | None", "int | None"]]


def _parts(text: str) -> tuple[str | None, torch.dtype, Dims]:
    match = _DESCRIBED.fullmatch(text.replace(" ", ""))
    if match is None:
        raise InputError(f"{text!r} describes no input: write name:dtype[sizes], as in x:f32[n,3].")
    dtype = DTYPES.get(match["dtype"])
    if dtype is None:
        raise InputError(f"{text}: {match['dtype']!r} is none of {', '.join(DTYPES)}.")
    dims: Dims = []
    for part in filter(None, match["shape"].split(",")):
        dim = _DIM.fullmatch(part)
        if dim is None:
            raise InputError(f"{text}: {part!r} is no size: write a number, a name or name=number.")
        if dim["fixed"] is not None:
            dims.append((None, int(dim["fixed"])))
        else:
            dims.append((dim["name"], None if dim["size"] is None else int(dim["size"])))
    return match["name"], dtype, dims


def _sizes(dims: Dims, known: dict[str, int]) -> list[int]:
    sizes = []
    for name, size in dims:
        if name is not None and size is None:
            size = known.setdefault(name, SIZES[len(known) % len(SIZES)])
        assert size is not None
        if name is not None and known.setdefault(name, size) != size:
            raise InputError(f"{name} is {known[name]} in one input and {size} in another.")
        sizes.append(size)
    return sizes


def _make(dtype: torch.dtype, sizes: Sequence[int], seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    if dtype.is_floating_point or dtype.is_complex:
        wide = torch.complex64 if dtype.is_complex else torch.float32
        return torch.randn(tuple(sizes), generator=generator, dtype=wide).to(dtype)
    if dtype == torch.bool:
        return torch.ones(tuple(sizes), dtype=torch.bool)
    # 1 is in most ranges: of a mask, a token, an index.
    return torch.ones(tuple(sizes), dtype=torch.int64).to(dtype)


def _read(file: Path) -> dict[str, torch.Tensor]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (OSError, ValueError) as error:
        raise InputError(f"{file} can't be read as an .npz of arrays: {error}.") from error


def _check(text: str, tensor: torch.Tensor, dtype: torch.dtype, dims: Dims) -> None:
    fits = len(dims) == tensor.dim() and all(
        size is None or size == actual for (_, size), actual in zip(dims, tensor.shape, strict=True)
    )
    if not fits or tensor.dtype != dtype:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise InputError(f"{text} does not fit the file's {kind}{list(tensor.shape)}.")
