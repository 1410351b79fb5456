"""Functions compiled by onnxscript as translations: they become functions of the model.

Nothing of onnxscript is imported: what is read of such a function is ``to_function_proto()``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import onnx
import onnx_ir as ir

from torch_onnx.builder.calling import schema_of
from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.table import Translation

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder


def is_onnxscript(function: Any) -> bool:
    """Whether a function was made by ``@onnxscript.script()``."""
    return hasattr(function, "to_function_proto")


def adapted(function: Any, operator: str) -> Translation:
    """A translation that calls the function, its arguments by name or else by position."""

    def translate(g: Builder, result: Any, **arguments: Any) -> Any:
        proto: onnx.FunctionProto = function.to_function_proto()
        attributes = [*proto.attribute, *(a.name for a in proto.attribute_proto)]
        inputs, given = _sorted(proto, attributes, arguments, operator)
        _add(g, proto)
        many = len(proto.output)
        versions = {o.domain: o.version for o in function_opsets(function, proto)}
        made = g.op(
            f"{proto.domain}::{proto.name}",
            *inputs,
            outputs=many,
            version=versions.get(proto.domain, 1),
            attributes=given,
        )
        return list(made) if many > 1 else made

    translate.__name__ = str(getattr(function, "name", "function"))
    return translate


def function_opsets(function: Any, proto: onnx.FunctionProto) -> Sequence[Any]:
    """The opset that the function belongs to, and those that it uses."""
    own = getattr(function, "opset", None)
    return [*proto.opset_import, *([own] if own is not None else [])]


def _sorted(
    proto: onnx.FunctionProto,
    attributes: Sequence[str],
    arguments: Mapping[str, Any],
    operator: str,
) -> tuple[list[Any], dict[str, Any]]:
    rest = {name: value for name, value in arguments.items() if value is not None}
    inputs: list[Any] = [rest.pop(name, None) for name in proto.input]
    given = {name: rest.pop(name) for name in attributes if name in rest}
    values = [name for name, value in rest.items() if isinstance(value, OnnxValue)]
    holes = [i for i, value in enumerate(inputs) if value is None]
    for hole, name in zip(holes, values, strict=False):
        inputs[hole] = rest.pop(name)
    if any(isinstance(value, OnnxValue) for value in rest.values()):
        raise NotExpressible(
            f"{proto.name}() has {len(proto.input)} inputs and no place for the argument "
            f"{next(iter(rest))!r} of {operator}"
        )
    return inputs, given


def _add(g: Builder, proto: onnx.FunctionProto) -> None:
    """Put the function into the model, at the model's opset."""
    for used in proto.opset_import:
        if used.domain in ("", "ai.onnx") and used.version != g.opset:
            for node in proto.node:
                if node.domain in ("", "ai.onnx"):
                    _check_same(node.op_type, used.version, g.opset, proto.name)
            used.version = g.opset
    made = ir.serde.deserialize_function(proto)
    g.functions.setdefault(made.identifier(), made)


def _check_same(operator: str, written: int, target: int, function: str) -> None:
    """A revision that only takes more types means the same."""
    a, b = (schema_of(operator, opset) for opset in (written, target))
    same = a.attributes == b.attributes and all(
        [value.name for value in old] == [value.name for value in new]
        for old, new in ((a.inputs, b.inputs), (a.outputs, b.outputs))
    )
    if not same:
        raise NotExpressible(
            f"{function}() is written for opset {written}, and {operator} is another one at "
            f"opset {target}"
        )
