"""Every public name and its arguments: a change of one is a decision (docs/extending/stability.md).

``python tests/test_public_api.py`` writes the list anew.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch_onnx
from torch_onnx import errors, ops, symbolic_helper
from torch_onnx.builder.emit import Builder
from torch_onnx.legacy import LegacyGraph, LegacyNode, LegacyType, LegacyValue

LIST = Path(__file__).with_name("public_api.txt")
# What the pages on extending name of the builder; ONNX's operators are its methods beside.
BUILDER = "add cast constant dim expand floordiv like maximum minimum mod mul op product reshape \
scalar size sizes sub subgraph wrap_index vector"


def lines() -> Iterator[str]:
    for name in sorted(torch_onnx.__all__):
        yield from described(f"torch_onnx.{name}", getattr(torch_onnx, name))
    for names in ops.OPERATORS.values():
        for name in names.split():
            yield from described(f"torch_onnx.ops.{name}", getattr(ops, name))
    for name, value in sorted(vars(errors).items()):
        if inspect.isclass(value) and value.__module__ == errors.__name__:
            yield from described(f"torch_onnx.errors.{name}", value)
    for name, value in sorted(vars(symbolic_helper).items()):
        own = getattr(value, "__module__", symbolic_helper.__name__) == symbolic_helper.__name__
        if own and not name.startswith("__") and not name.isupper():
            yield from described(f"torch_onnx.symbolic_helper.{name}", value)
    for name in BUILDER.split():
        yield from described(f"Builder.{name}", getattr(Builder, name))
    for cls in (LegacyGraph, LegacyNode, LegacyType, LegacyValue):
        yield from described(cls.__name__, cls)


def described(name: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        fields = (
            [f.name for f in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
        )
        shown = [field for field in fields if not field.startswith("_")]
        yield f"class {name}({', '.join(shown)})"
        for member, method in sorted(vars(value).items()):
            public = not member.startswith("_") or member == "__call__"
            if public and inspect.isfunction(method):
                yield f"{name}.{member}{signature(method)}"
            elif public and isinstance(method, property):
                yield f"{name}.{member}"
    elif callable(value):
        yield f"{name}{signature(value)}"
    elif not inspect.ismodule(value):
        yield name


def signature(function: Any) -> str:
    """Names, kinds and defaults; types are the type checker's business."""
    parameters = [
        parameter.replace(annotation=parameter.empty)
        for parameter in inspect.signature(function).parameters.values()
    ]
    return str(inspect.Signature(parameters))


def test_public_names_and_signatures_are_those_listed() -> None:
    assert list(lines()) == LIST.read_text("utf-8").splitlines()


def test_operators_have_no_name_of_a_theme() -> None:
    # A package's attribute is either: the function would hide the module, or the other way about.
    themes = {path.stem for path in Path(ops.__file__).parent.glob("*.py")}
    assert themes.isdisjoint(name for names in ops.OPERATORS.values() for name in names.split())


if __name__ == "__main__":
    LIST.write_text("\n".join(lines()) + "\n", "utf-8")
