"""What a model's forward says about its export: annotations of nodes, intermediate outputs."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from torch_onnx import compat, compat_extending, marks
from torch_onnx.errors import SignatureError


@contextmanager
def annotate(**properties: Any) -> Iterator[None]:
    """Within, in a model's forward: nodes get these metadata properties, as text.

    Blocks nest; the inner one's value of a name counts. Outside of an export nothing happens.
    """
    if marks.active() is None:
        yield
        return
    named = {name: str(value) for name, value in properties.items()}
    if not compat.is_tracing():
        with marks.annotating(named), compat_extending.annotated(named):
            yield
        return
    begin, end = _operators()
    begin(json.dumps(named))
    try:
        yield
    finally:
        end()


@functools.cache
def _operators() -> tuple[Any, Any]:
    """Two operators without results, which the tracer keeps where they stand."""
    library = compat_extending.library("torch_onnx")
    for schema in ("begin_annotation(str properties) -> ()", "end_annotation() -> ()"):
        library.define(schema, alias_analysis="CONSERVATIVE")
        name = schema.partition("(")[0]
        library.impl(name, lambda *_: None, "CompositeExplicitAutograd")
    _operators.library = library  # type: ignore[attr-defined]
    return torch.ops.torch_onnx.begin_annotation, torch.ops.torch_onnx.end_annotation


def as_output(name: str, value: torch.Tensor) -> torch.Tensor:
    """In a model's forward: the exported graph has ``value`` as a further output of this name.

    Gives ``value`` back. Outside of an export nothing happens. Not within ``torch.cond`` and the
    like, whose bodies have results of their own.

    Raises:
        SignatureError: when the name is given to two values.
    """
    outputs = marks.extra_outputs()
    if outputs is not None:
        if name in outputs:
            raise SignatureError(f"as_output: two values are called {name!r}.")
        outputs[name] = value
    return value
