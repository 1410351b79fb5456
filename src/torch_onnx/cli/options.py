"""The options that the commands share, and how they answer."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from torch_onnx.cli import inputs as described
from torch_onnx.cli import models
from torch_onnx.errors import (
    CannotWrite,
    DynamicShapeError,
    ExportError,
    InputError,
    ModelNotes,
    SignatureError,
    UnknownOpset,
)
from torch_onnx.exporter import export
from torch_onnx.program import ONNXProgram

AGREE, DIFFER, WRONG_USE, REFUSED = 0, 1, 2, 3
OF_USE = (InputError, SignatureError, DynamicShapeError, UnknownOpset, CannotWrite)
EXIT_CODES = (
    "Exit codes: 0 all is well; 1 something differs or can't be exported (verify, bisect, diff, "
    "explain, doctor); 2 wrong arguments, inputs or files; 3 the export is refused."
)

MODEL_HELP = (
    "package.module:factory (called without arguments, returns the model, or a tuple of model, "
    "positional and keyword inputs); a .pt2 of torch.export.save; a .pt of torch.jit.save; a "
    "folder or config.json of transformers."
)
INPUT_HELP = (
    "An example input, name:dtype[sizes], as in input_ids:int64[batch,sequence=16]. A named size "
    "is a dynamic dim. Integers are ones, floats random. Repeat it for each input."
)

Model = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
Described = Annotated[
    list[str] | None, typer.Option("--input", "-i", metavar="DESCRIPTION", help=INPUT_HELP)
]
File = Annotated[
    Path | None,
    typer.Option("--inputs", metavar="NPZ", help="Example inputs by name, as numpy.savez writes."),
]
Opset = Annotated[int | None, typer.Option("--opset", help="11 to 28; 20 by default.")]
Strategy = Annotated[str, typer.Option("--strategy", help="auto, record, export, trace or script.")]
Unsafe = Annotated[
    bool,
    typer.Option("--unsafe", help="Read .pt files of torch.save too: that runs code within them."),
]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object on stdout.")]

out = Console(soft_wrap=True, highlight=False, markup=False)
err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

F = TypeVar("F", bound=Callable[..., None])


def answers(command: F) -> F:
    """Errors become one message and an exit code; with ``--json`` an object with ``error``."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except ExportError as error:
            if kwargs.get("as_json"):
                print_json({"error": type(error).__name__, "message": str(error)})
            else:
                err.print(f"{type(error).__name__}: {error}")
            raise typer.Exit(WRONG_USE if isinstance(error, OF_USE) else REFUSED) from error

    return run  # type: ignore[return-value]


def answer(as_json: bool, data: dict[str, Any], text: str) -> None:
    """Print one or the other."""
    if as_json:
        print_json(data)
    else:
        out.print(text)


def print_json(data: dict[str, Any]) -> None:
    out.print(json.dumps(data, indent=1, ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class Example:
    """A model and its example call."""

    model: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    dynamic_axes: dict[str, dict[int, str]] | None


def example_of(
    model: str, inputs: list[str] | None, file: Path | None, unsafe: bool = False
) -> Example:
    """The model, with the inputs of the command line, or else those that it came with."""
    loaded = models.load(model, unsafe=unsafe)
    found = described.parse(inputs or [], file)
    args, kwargs = loaded.args, loaded.kwargs
    if inputs or file is not None:
        args, kwargs = found.args, found.kwargs
    return Example(loaded.model, args, kwargs, found.dynamic_axes)


def exported(
    example: Example, opset: int | None, strategy: str, as_json: bool, **options: Any
) -> ONNXProgram:
    """The exported program; its notes go to stderr."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelNotes)
        program = export(
            example.model,
            example.args,
            kwargs=example.kwargs,
            opset_version=opset,
            dynamic_axes=example.dynamic_axes,
            strategy=strategy,
            **options,
        )
    for note in () if as_json else program.notes:
        err.print(f"note: the exported model {note}")
    return program
