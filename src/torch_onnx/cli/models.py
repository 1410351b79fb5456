"""Models from the command line: a factory, a saved program, a configuration of transformers."""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.errors import InputError


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model, and the inputs that it came with, if it did."""

    model: Any
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


def load(source: str, *, unsafe: bool = False) -> Loaded:
    """The model that ``source`` names.

    - ``package.module:factory``: called without arguments; it returns the model, or a tuple of the
      model, positional arguments and keyword arguments. A module instance is taken as it is.
    - a ``.pt2`` of torch.export.save, a ``.pt`` of torch.jit.save; a ``.pt`` of torch.save too,
      with ``unsafe``, for reading it runs the code that is in it.
    - a folder with a ``config.json`` of transformers, or such a file: the folder's weights where
      it has some, random ones else. Nothing is downloaded.

    Raises:
        InputError: saying what is wrong with the source.
    """
    path = Path(source)
    if path.is_dir() or path.suffix == ".json":
        return Loaded(_transformers(path))
    if path.suffix == ".pt2":
        return Loaded(_read(path, torch.export.load))
    if path.suffix in (".pt", ".pth", ".ts"):
        return Loaded(_saved(path, unsafe))
    if ":" in source:
        return _made(source)
    raise InputError(
        f"{source!r} is no model: give package.module:factory, a .pt or .pt2 file, or a folder or "
        "config.json of transformers."
    )


def _read(path: Path, read: Any) -> Any:
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    try:
        with warnings.catch_warnings():
            # PyTorch's of formats that it retires: the file is there all the same.
            warnings.simplefilter("ignore")
            return read(str(path))
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path} can't be read: {lines[0]}") from error


def _saved(path: Path, unsafe: bool) -> Any:
    if not unsafe:
        # A program of torch.jit, or nothing that could run code of its own.
        return _read(path, compat.loaded)
    try:
        return _read(path, compat.loaded)
    except InputError:
        model = _read(path, lambda name: torch.load(name, map_location="cpu", weights_only=False))
    if isinstance(model, dict):
        raise InputError(f"{path} has weights only: give a factory that makes the model.")
    return model


def _made(source: str) -> Loaded:
    name, _, attribute = source.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{source} can't be imported: {error}.") from error
    if not isinstance(found, torch.nn.Module):
        found = found()
    if not isinstance(found, tuple):
        return Loaded(found)
    model, args, kwargs = (*found, (), {})[:3] if len(found) < 3 else found
    if isinstance(args, dict):
        args, kwargs = (), args
    return Loaded(model, tuple(args) if isinstance(args, (tuple, list)) else (args,), dict(kwargs))


def _transformers(path: Path) -> torch.nn.Module:
    try:
        import transformers
    except ImportError as error:
        raise InputError(f"{path} needs transformers: pip install transformers") from error
    file = path / "config.json" if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{path} has no config.json.")
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
        config = transformers.AutoConfig.from_pretrained(file.parent, local_files_only=True)
        if file.name != "config.json":
            kind = described.get("model_type", "")
            config = transformers.AutoConfig.for_model(kind, **described)
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{file} is no configuration of transformers: {lines[0]}") from error
    names = described.get("architectures") or []
    kind = getattr(transformers, names[0], None) if names else transformers.AutoModel
    if kind is None:
        raise InputError(f"transformers has no {names[0]}, which {file} asks for.")
    folder = file.parent
    if any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model*.bin")):
        model = kind.from_pretrained(folder, local_files_only=True)
    elif names:
        model = kind(config)
    else:
        model = kind.from_config(config)
    made: torch.nn.Module = model.eval()
    return made
