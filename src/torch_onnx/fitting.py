"""Whether a translation fits its operator: the names of its arguments against the schema's."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Sequence

from torch_onnx import compat, compat_extending
from torch_onnx.capture.binding import operator_named
from torch_onnx.graph import Operator
from torch_onnx.ops.table import SPELLED, Row

# Arguments that say where and how a tensor is stored, which means nothing to ONNX.
MAY_BE_OMITTED = frozenset(
    {"device", "layout", "memory_format", "pin_memory", "generator", "non_blocking", "copy"}
)
# What a translation may ask for beside the operator's arguments.
GIVEN = frozenset({"result", "blocks"})

MOST_SHOWN = 3
NEAR = 0.8


def problems_of(name: str, rows: Sequence[Row]) -> list[str]:
    """What does not fit between an operator and its translations, a line each."""
    operator = operator_named(name)
    if operator is None:
        return [f"{name}: {_unknown(name)}"]
    return [f"{name}: {problem}" for row in rows for problem in _problems(operator, row)]


def _unknown(name: str) -> str:
    namespace, _, rest = name.partition("::")
    base = rest.partition(".")[0]
    overloads = compat.overloads_named(f"{namespace}::{base}")
    if overloads:
        named = ", ".join(f"{namespace}::{base}.{o}".removesuffix(".default") for o in overloads)
        return f"PyTorch has no such overload; it has {named}"
    others = compat_extending.operators_in(namespace)
    if not others:
        return f"no library with the operators {namespace}:: is loaded"
    near = difflib.get_close_matches(name, others, MOST_SHOWN, NEAR)
    return "PyTorch has no such operator" + (f"; near it are {', '.join(near)}" if near else "")


def _problems(operator: Operator, row: Row) -> list[str]:
    if row.takes_any:
        return []
    function = getattr(row.fn, "__name__", "the function")
    names = [argument.name for argument in operator.arguments]
    original = {spelled: name for name, spelled in SPELLED.items()}
    parameters = list(inspect.signature(row.fn).parameters.values())
    if not parameters:
        return [f"{function}() takes no arguments; its first is the builder g"]
    problems = []
    for parameter in parameters[1:]:
        name = original.get(parameter.name, parameter.name)
        if name not in names and name not in GIVEN:
            has = ", ".join(names) or "none"
            problems.append(
                f"{function}() takes {name!r}, the operator has {has} (g, the builder, comes first)"
            )
        elif parameter.kind == parameter.POSITIONAL_ONLY:
            problems.append(f"{function}() takes {name!r} by position only, it is given by name")
    for argument in operator.arguments:
        taken = argument.name in row.accepts or argument.name in MAY_BE_OMITTED
        if not taken and not argument.has_default:
            problems.append(f"{function}() does not take {argument.name!r}, which every call has")
    return problems
