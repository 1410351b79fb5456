"""ONNX schemas at the target opset: which argument is an input, which an attribute.

Between opsets 11 and 28 every attribute that became an input kept its name, so translations
write ``g.ReduceMean(x, axes=[1])`` for all of them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import onnx
import onnx.defs

from torch_onnx.errors import NotExpressible


@dataclass(frozen=True, slots=True)
class FormalValue:
    """An input or output as the ONNX schema declares it."""

    name: str
    type: str
    optional: bool
    variadic: bool
    types: frozenset[str]


@dataclass(frozen=True, slots=True)
class FormalAttribute:
    """An attribute as the ONNX schema declares it; ``default`` is None where it has none."""

    name: str
    type: str
    required: bool
    default: Any


@dataclass(frozen=True, slots=True)
class OnnxSchema:
    """One ONNX operator at one opset."""

    domain: str
    name: str
    since: int
    inputs: tuple[FormalValue, ...]
    outputs: tuple[FormalValue, ...]
    attributes: dict[str, FormalAttribute]
    deterministic: bool


NOT_REPEATABLE = frozenset(
    "RandomNormal RandomNormalLike RandomUniform RandomUniformLike Multinomial Bernoulli Dropout "
    "If Loop Scan SequenceMap".split()
)


@functools.cache
def schema_of(name: str, opset: int, domain: str = "") -> OnnxSchema:
    """The schema of an ONNX operator at an opset.

    Raises:
        NotExpressible: when the operator is newer than the opset, saying from which it exists.
        AttributeError: when ONNX has no such operator.
    """
    try:
        schema = onnx.defs.get_schema(name, max_inclusive_version=opset, domain=domain)
    except onnx.defs.SchemaError:
        versions = [
            s.since_version
            for s in onnx.defs.get_all_schemas_with_history()
            if s.name == name and s.domain == domain
        ]
        if not versions:
            raise AttributeError(f"ONNX has no operator {name!r}") from None
        raise NotExpressible(f"ONNX's {name} is needed", since=min(versions)) from None
    constraints = {
        c.type_param_str: frozenset(c.allowed_type_strs) for c in schema.type_constraints
    }

    def formal(value: onnx.defs.OpSchema.FormalParameter) -> FormalValue:
        option = onnx.defs.OpSchema.FormalParameterOption
        return FormalValue(
            value.name,
            value.type_str,
            value.option == option.Optional,
            value.option == option.Variadic,
            constraints.get(value.type_str, frozenset([value.type_str])),
        )

    attributes = {
        a.name: FormalAttribute(
            a.name,
            str(a.type).rpartition(".")[2],
            a.required,
            onnx.helper.get_attribute_value(a.default_value) if a.default_value.name else None,
        )
        for a in schema.attributes.values()
    }
    return OnnxSchema(
        domain,
        name,
        schema.since_version,
        tuple(map(formal, schema.inputs)),
        tuple(map(formal, schema.outputs)),
        attributes,
        name not in NOT_REPEATABLE,
    )


def bind(
    schema: OnnxSchema, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Sort the arguments of ``g.Name(*args, **kwargs)`` into inputs (in order) and attributes.

    Raises:
        NotExpressible: for an argument that the operator does not have at this opset.
        TypeError: for an argument that it has at no opset.
    """
    inputs: list[Any] = list(args)
    attributes: dict[str, Any] = {}
    if len(inputs) > len(schema.inputs) and not (schema.inputs and schema.inputs[-1].variadic):
        raise TypeError(f"{schema.name} takes {len(schema.inputs)} inputs, {len(args)} were given")
    for name, argument in kwargs.items():
        if name in schema.attributes:
            if argument is not None:
                attributes[name] = argument
            continue
        position = next((i for i, f in enumerate(schema.inputs) if f.name == name), None)
        if position is None:
            _refuse(schema, name, argument)
            continue
        inputs.extend([None] * (position + 1 - len(inputs)))
        inputs[position] = argument
    while inputs and inputs[-1] is None:
        inputs.pop()
    return inputs, attributes


def _refuse(schema: OnnxSchema, name: str, argument: Any) -> None:
    if argument is None:
        return
    for version in range(schema.since + 1, onnx.defs.onnx_opset_version() + 1):
        newer = schema_of(schema.name, version, schema.domain)
        formal = newer.attributes.get(name)
        if formal is not None or any(f.name == name for f in newer.inputs):
            if formal is not None and formal.default == argument:
                return
            raise NotExpressible(f"{name}= of ONNX's {schema.name} is needed", since=version)
    raise TypeError(f"ONNX's {schema.name} has no argument {name!r}")
