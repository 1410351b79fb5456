"""The builder: ``g`` of the translations. ``g.Conv(x, w, strides=[2, 2])`` makes a node.

Every node is good at birth: typed, folded where its inputs are constants, found again where an
identical one exists, left out where it does nothing, and marked with the call it comes from.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import onnx_ir as ir
import torch

from torch_onnx.builder import bodies, custom_domain, kernels
from torch_onnx.builder.calling import FormalValue, OnnxSchema, bind, schema_of
from torch_onnx.builder.combine import combine
from torch_onnx.builder.complexes import Complexes
from torch_onnx.builder.dtypes import FROM_ONNX, FROM_TYPE_STRING, TO_ONNX, TYPE_STRINGS
from torch_onnx.builder.fold import LARGEST, fold
from torch_onnx.builder.infer import RULES as SHAPE_RULES
from torch_onnx.builder.simplify import simplify
from torch_onnx.builder.sizes import Sizes
from torch_onnx.builder.tensors import numpy_of, tensor_data
from torch_onnx.builder.values import KnownSize, MadeBy, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.graph import NO_SOURCE, Block, Dim, Output, Source

TranslateBlock = Callable[[Block, Sequence[OnnxValue]], list[OnnxValue]]


@dataclass(slots=True)
class Scope:
    """A graph under construction: the main one, the body of an If, Loop or Scan, or a function.

    A function owns no initializers: its constants are nodes.
    """

    nodes: list[ir.Node] = field(default_factory=list)
    identical: dict[Any, tuple[OnnxValue, ...]] = field(default_factory=dict)
    constants: dict[Any, OnnxValue] = field(default_factory=dict)
    dims: dict[Dim, tuple[OnnxValue, int] | OnnxValue] = field(default_factory=dict)
    is_function: bool = False


class Builder(Sizes, Complexes):
    """Makes the ONNX graph, a node a call. See ``Sizes`` for arithmetic on sizes, ``Complexes``
    for complex tensors.

    Attributes:
        opset: the target opset of the default domain.
        initializers: what the graph owns, by name: weights and constants.
        opset_imports: the domains in use and their versions.
        functions: the model-local functions made so far.
        functions_by_key: those among them that are bodies of calls, by their structure.
        results: every node's results, in the order made.
        expected: what the call under translation gives, as PyTorch types it.
        translate_block: translates the body of an If, Loop or Scan into the current scope.
        seeds: of the random nodes to come, where the program gives any.
    """

    def __init__(
        self, opset: int, custom_opsets: Mapping[str, int] | None = None, metadata: bool = True
    ) -> None:
        self.opset = opset
        self._custom_opsets = custom_opsets or {}
        self._writes_metadata = metadata
        self.initializers: dict[str, ir.Value] = {}
        self.opset_imports: dict[str, int] = {"": opset}
        self.functions: dict[ir.OperatorIdentifier, ir.Function] = {}
        self.functions_by_key: dict[str, ir.Function] = {}
        self.results: list[OnnxValue] = []
        self.expected: Sequence[Output] = ()
        self.translate_block: TranslateBlock | None = None
        self.seeds: Iterator[float] | None = None
        self._scopes: list[Scope] = [Scope()]
        self._names: dict[str, int] = {}
        self._source: Source = NO_SOURCE
        self._operator = ""

    # What a call is: its origin.

    @contextmanager
    def origin(self, source: Source, operator: str) -> Iterator[None]:
        """Nodes made within come from this call."""
        before = self._source, self._operator
        self._source, self._operator = source, operator
        try:
            yield
        finally:
            self._source, self._operator = before

    # Nodes.

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name[:1].isupper():
            raise AttributeError(name)
        return functools.partial(self.node, name)

    def node(self, operator: str, /, *args: Any, outputs: int = 1, **kwargs: Any) -> Any:
        """An ONNX operator of the default domain; ``outputs`` of more than 1 gives a tuple.

        Arguments are OnnxValues, numbers, lists of these (and of ``Dim``), dtypes for attributes
        that hold an element type, torch tensors for small constants; by position in the order of
        the schema's inputs, or by the schema's names, attributes too.
        """
        schema = schema_of(operator, self.opset)
        raw_inputs, raw_attributes = bind(schema, args, kwargs)
        inputs = self._inputs(schema, raw_inputs)
        if self.seeds is not None and "seed" in schema.attributes:
            raw_attributes.setdefault("seed", next(self.seeds))
        attributes = _attributes(schema, raw_attributes)
        for formal in schema.attributes.values():
            if formal.required and formal.name not in attributes:
                raise TypeError(f"ONNX's {operator} needs {formal.name}=")
        if any(x is not None and x.is_complex for x in inputs):
            raise NotExpressible(f"ONNX's {operator} does not take complex numbers")
        if any(i is not None and i.is_assumed for i in inputs):
            return self._untyped(schema, inputs, attributes, outputs)
        inputs, back = kernels.casts(self, schema, inputs)
        results = self._make(schema, inputs, attributes, outputs)
        if back is not None:
            results = tuple(self._cast_back(result, back) for result in results)
        return results[0] if outputs == 1 else results

    def _untyped(
        self,
        schema: OnnxSchema,
        inputs: list[OnnxValue | None],
        attributes: dict[str, Any],
        outputs: int,
    ) -> Any:
        """A node on values whose types are guesses: nothing may follow from these."""
        dtypes = _result_dtypes(schema, inputs, attributes, outputs)
        types = [(dtype, None) for dtype in dtypes]
        results = self.raw_node("", schema.name, inputs, attributes, types)
        for index, result in enumerate(results):
            formal = schema.outputs[min(index, len(schema.outputs) - 1)]
            result.is_assumed = _only_dtype(formal) is None and "to" not in attributes
        return results[0] if outputs == 1 else results

    def _cast_back(self, result: OnnxValue, back: tuple[torch.dtype, torch.dtype]) -> OnnxValue:
        was, now = back
        return self.cast(result, was) if result.dtype == now else result

    def _make(
        self,
        schema: OnnxSchema,
        inputs: list[OnnxValue | None],
        attributes: dict[str, Any],
        outputs: int,
    ) -> tuple[OnnxValue, ...]:
        operator = schema.name
        if outputs == 1:
            existing = simplify(operator, inputs, attributes)
            if existing is None:
                existing = combine(self, operator, inputs, attributes)
            if existing is not None:
                return (existing,)
            if inputs and all(i is None or i.constant is not None for i in inputs):
                constants = [None if i is None else i.constant for i in inputs]
                folded = fold(operator, constants, attributes)
                if folded is not None:
                    return (self.constant(folded),)
        key: Any = None
        if schema.deterministic:
            ids = tuple(self._identity(i) for i in inputs)
            key = (operator, ids, outputs, _key(attributes))
            for scope in reversed(self._scopes):
                if (found := scope.identical.get(key)) is not None:
                    return found
        rule = SHAPE_RULES.get(operator)
        shapes = rule(inputs, attributes) if rule is not None else []
        shapes = [*shapes, *[None] * outputs][:outputs]
        dtypes = _result_dtypes(schema, inputs, attributes, outputs)
        types = list(zip(dtypes, shapes, strict=True))
        results = self.raw_node("", operator, inputs, attributes, types)
        for result in results:
            result.made_by = MadeBy(operator, tuple(inputs), attributes)
        if key is not None:
            self._scopes[-1].identical[key] = results
        return results

    def raw_node(
        self,
        domain: str,
        operator: str,
        inputs: Sequence[OnnxValue | None],
        attributes: dict[str, Any],
        types: Sequence[tuple[torch.dtype, tuple[KnownSize, ...] | None]],
    ) -> tuple[OnnxValue, ...]:
        """A node as it is given: nothing is bound, folded or inferred."""
        name = self.unique_name(f"{self._source.scope}/{operator}")
        results = []
        for index, (dtype, shape) in enumerate(types):
            value = ir.Value(name=f"{name}_output_{index}")
            results.append(OnnxValue(dtype, shape, value=value))
        self.results += results
        node = ir.Node(
            domain,
            operator,
            [None if i is None else self.materialize(i) for i in inputs],
            [_ir_attribute(k, v) for k, v in attributes.items()],
            outputs=[r.value for r in results if r.value is not None],
            name=name,
            metadata_props=self._metadata(),
        )
        self._scopes[-1].nodes.append(node)
        return tuple(results)

    def sequence(
        self,
        operator: str,
        inputs: Sequence[OnnxValue | None],
        like: OnnxValue,
        attributes: dict[str, Any] | None = None,
    ) -> OnnxValue:
        """A node that gives a sequence, whose elements are typed as ``like``."""
        types = [(like.dtype, like.shape)]
        (result,) = self.raw_node("", operator, inputs, attributes or {}, types)
        result.is_sequence = True
        return result

    def op(
        self,
        operator: str,
        *inputs: Any,
        outputs: int = 1,
        dtype: torch.dtype | Sequence[torch.dtype] | None = None,
        shape: Sequence[Any] | None = None,
        like: OnnxValue | None = None,
        version: int = 1,
        attributes: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Any:
        """One node of any domain: ``g.op("com.acme::Rotate", x, angle=3.0)``.

        See ``custom_domain.node``.
        """
        domain, _, name = operator.rpartition("::")
        given = {**(attributes or {}), **more}
        if domain in ("", "ai.onnx", "onnx"):
            return self.node(name, *inputs, outputs=outputs, **given)
        types = custom_domain.result_types(self, inputs, outputs, dtype, shape, like)
        return custom_domain.node(self, domain, name, inputs, given, types, version)

    def subgraph(self, body: Callable[..., Any], *inputs_like: OnnxValue) -> ir.Graph:
        """The nodes that ``body(*inputs)`` makes, as the value of a graph attribute.

        Its inputs are typed as ``inputs_like``; it may read values from around.
        """
        return bodies.subgraph(self, body, inputs_like)

    def use_domain(self, domain: str, version: int = 1) -> None:
        """Declare a domain that nodes are in; the user's version of it goes first."""
        self.opset_imports.setdefault(domain, self._custom_opsets.get(domain, version))

    def _metadata(self) -> dict[str, str] | None:
        source = self._source
        if not self._writes_metadata:
            return dict(source.annotations) or None
        metadata = {**dict(source.annotations), "torch_onnx.operator": self._operator}
        if source.module:
            metadata["torch_onnx.module"] = source.module
        if source.frame is not None:
            metadata["torch_onnx.source"] = f"{source.frame}: {source.frame.code}"
        return metadata

    def unique_name(self, base: str) -> str:
        """``base``, or ``base_1``, ``base_2`` … when it is taken."""
        count = self._names.get(base)
        if count is None:
            self._names[base] = 0
            return base
        while True:
            count += 1
            name = f"{base}_{count}"
            if name not in self._names:
                self._names[base] = count
                self._names[name] = 0
                return name

    def reserve_name(self, name: str) -> None:
        """Keep a name from being given to a node or value."""
        self._names.setdefault(name, 0)

    # Constants.

    def constant(self, value: Any, dtype: torch.dtype | None = None) -> OnnxValue:
        """A small constant: a torch tensor, a number or a (nested) list of numbers."""
        tensor = value if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=dtype)
        if dtype is not None and tensor.dtype != dtype:
            tensor = tensor.to(dtype)
        tensor = tensor.detach().cpu()
        return OnnxValue(tensor.dtype, tuple(tensor.shape), constant=tensor)

    def like(self, number: float | bool, x: OnnxValue) -> OnnxValue:
        """A zero-dimensional constant of x's dtype."""
        return self.constant(number, x.dtype)

    def materialize(self, x: OnnxValue) -> ir.Value:
        """The onnx_ir value; a constant becomes an initializer here, equal ones the same."""
        outermost = self._scopes[0]
        if x.value is not None and (x.constant is None or not outermost.is_function):
            return x.value
        if x.is_complex:
            # Not kept: this may be the body of a branch, which the graph around it can't see.
            return self.materialize(self.as_real(x))
        assert x.constant is not None, "a value is either a node's result or a constant"
        tensor = x.constant.contiguous()
        key = (tensor.dtype, tuple(tensor.shape), _bytes(tensor))
        shared = outermost.constants
        if outermost.is_function:
            if key not in shared:
                shared[key] = self._constant_node(tensor, outermost)
            value = shared[key].value
            assert value is not None
            return value
        if key in shared:
            x.value = shared[key].value
            assert x.value is not None
            return x.value
        name = self.unique_name(_constant_name(tensor))
        data = ir.Tensor(numpy_of(tensor), dtype=TO_ONNX[tensor.dtype], name=name)
        x.value = ir.Value(
            name=name,
            shape=ir.Shape(tensor.shape),
            type=ir.TensorType(TO_ONNX[tensor.dtype]),
            const_value=data,
        )
        self.initializers[name] = x.value
        shared[key] = x
        return x.value

    def _constant_node(self, tensor: torch.Tensor, scope: Scope) -> OnnxValue:
        name = self.unique_name(_constant_name(tensor))
        data = tensor_data(tensor)
        value = ir.Value(
            name=name,
            shape=ir.Shape(tensor.shape),
            type=ir.TensorType(TO_ONNX[tensor.dtype]),
            const_value=data,
        )
        attributes = [ir.AttrTensor("value", data)]
        scope.nodes.append(ir.Node("", "Constant", [], attributes, outputs=[value], name=name))
        return OnnxValue(tensor.dtype, tuple(tensor.shape), value=value)

    def cast(self, x: OnnxValue, dtype: torch.dtype) -> OnnxValue:
        """x in another dtype; nothing when it has it already."""
        if x.dtype == dtype and not x.is_assumed:
            return x
        if x.is_complex or dtype.is_complex:
            return self.cast_complex(x, dtype)
        result: OnnxValue = self.Cast(x, to=dtype)
        if x.is_number and result is not x:
            result.is_number = True
        return result

    # Sub-graphs.

    def translate_body(self, block: Block, inputs: Sequence[OnnxValue]) -> list[OnnxValue]:
        """The results of a body whose nodes go into the current scope."""
        assert self.translate_block is not None, "only a translator has bodies to translate"
        return self.translate_block(block, inputs)

    @contextmanager
    def scope(self) -> Iterator[Scope]:
        """Nodes made within go to a sub-graph; values of outer scopes are visible."""
        self._scopes.append(Scope())
        try:
            yield self._scopes[-1]
        finally:
            self._scopes.pop()

    @contextmanager
    def function_scope(self) -> Iterator[Scope]:
        """Nodes made within go to a function, which sees nothing of what is around."""
        outside, self._scopes = self._scopes, [Scope(is_function=True)]
        try:
            yield self._scopes[0]
        finally:
            self._scopes = outside

    @property
    def nodes(self) -> list[ir.Node]:
        return self._scopes[-1].nodes

    # Inputs.

    def _inputs(self, schema: OnnxSchema, raw: list[Any]) -> list[OnnxValue | None]:
        bound: dict[str, torch.dtype] = {}
        formals: list[FormalValue] = []
        for index, argument in enumerate(raw):
            formal = schema.inputs[min(index, len(schema.inputs) - 1)]
            formals.append(formal)
            if isinstance(argument, OnnxValue) and "(" not in formal.type:
                bound.setdefault(formal.type, argument.dtype)
        first = next((a.dtype for a in raw if isinstance(a, OnnxValue)), None)
        return [self._input(f, a, bound, first) for f, a in zip(formals, raw, strict=True)]

    def _input(
        self,
        formal: FormalValue,
        argument: Any,
        bound: dict[str, torch.dtype],
        first: torch.dtype | None,
    ) -> OnnxValue | None:
        if argument is None or isinstance(argument, OnnxValue):
            return argument
        if isinstance(argument, torch.Tensor):
            return self.constant(argument)
        if isinstance(argument, (list, tuple)) and any(
            isinstance(i, (OnnxValue, Dim)) for i in argument
        ):
            return self.vector(argument)
        if isinstance(argument, Dim):
            return self.dim(argument)
        dtype = _only_dtype(formal) or bound.get(formal.type)
        if dtype is None:
            dtype = _free_dtype(formal, argument, first)
        return self.constant(argument, dtype)

    def _identity(self, x: OnnxValue | None) -> Any:
        if x is None:
            return None
        if x.constant is not None and x.constant.numel() <= LARGEST:
            return (x.constant.dtype, tuple(x.constant.shape), _bytes(x.constant))
        return id(self.materialize(x))


def _only_dtype(formal: FormalValue) -> torch.dtype | None:
    """The dtype where the schema allows a single one."""
    if len(formal.types) != 1:
        return None
    (only,) = formal.types
    return FROM_TYPE_STRING.get(only)


def _free_dtype(formal: FormalValue, argument: Any, first: torch.dtype | None) -> torch.dtype:
    """The dtype of a Python constant whose ONNX type no other input settles."""
    sample = argument
    while isinstance(sample, (list, tuple)):
        sample = sample[0] if sample else 0
    if isinstance(sample, bool) and TYPE_STRINGS[torch.bool] in formal.types:
        return torch.bool
    if isinstance(sample, float) or TYPE_STRINGS[torch.int64] not in formal.types:
        if first is not None and TYPE_STRINGS[first] in formal.types:
            return first
        return torch.float32
    return torch.int64


def _result_dtypes(
    schema: OnnxSchema, inputs: Sequence[OnnxValue | None], attributes: dict[str, Any], outputs: int
) -> list[torch.dtype]:
    if "to" in attributes:
        return [FROM_ONNX[ir.DataType(int(attributes["to"]))]]
    bound: dict[str, torch.dtype] = {}
    for index, given in enumerate(inputs):
        if given is not None:
            formal = schema.inputs[min(index, len(schema.inputs) - 1)]
            bound.setdefault(formal.type, given.dtype)
    dtypes = []
    for index in range(outputs):
        formal = schema.outputs[min(index, len(schema.outputs) - 1)]
        dtype = _only_dtype(formal) or bound.get(formal.type)
        if dtype is None and schema.name == "DequantizeLinear" and inputs[1] is not None:
            dtype = inputs[1].dtype
        if dtype is None:
            dtype = _dtype_by_attribute(schema, attributes, inputs)
        dtypes.append(dtype)
    return dtypes


def _dtype_by_attribute(
    schema: OnnxSchema, attributes: dict[str, Any], inputs: Sequence[OnnxValue | None]
) -> torch.dtype:
    for name in ("dtype", "output_dtype", "stash_type"):
        formal = schema.attributes.get(name)
        # An attribute at its default is left out; 0 is the undefined type.
        given = attributes.get(name, None if formal is None else formal.default)
        if given:
            return FROM_ONNX[ir.DataType(int(given))]
    if isinstance(value := attributes.get("value"), torch.Tensor):
        return value.dtype
    first = next((i.dtype for i in inputs if i is not None), torch.float32)
    return first


# Attributes that are written even at their default: ONNX's own inference of shapes takes another.
WRITTEN = frozenset({("STFT", "onesided")})


def _attributes(schema: OnnxSchema, raw: dict[str, Any]) -> dict[str, Any]:
    """Attributes as plain Python values, those at their default left out."""
    attributes: dict[str, Any] = {}
    for name, argument in raw.items():
        formal = schema.attributes[name]
        value = _attribute_value(schema, name, formal.type, argument)
        is_written = (schema.name, name) in WRITTEN
        if formal.default is not None and not isinstance(value, torch.Tensor) and not is_written:
            default = (
                formal.default.decode() if isinstance(formal.default, bytes) else formal.default
            )
            if value == default or (
                isinstance(default, float) and _float32(float(value)) == _float32(default)
            ):
                continue
        attributes[name] = value
    return attributes


def _float32(value: float) -> float:
    return torch.tensor(value, dtype=torch.float32).item()


def _attribute_value(schema: OnnxSchema, name: str, kind: str, argument: Any) -> Any:
    if isinstance(argument, torch.dtype):
        return int(TO_ONNX[argument])
    if isinstance(argument, OnnxValue):
        if argument.constant is None:
            raise NotExpressible(f"{schema.name} takes {name} only as a constant at this opset")
        argument = argument.constant.tolist()
        if kind == "INTS" and not isinstance(argument, list):
            argument = [argument]
    if kind in ("INTS", "FLOATS"):
        items = argument if isinstance(argument, (list, tuple)) else [argument]
        items = [_attribute_value(schema, name, kind[:-1], item) for item in items]
        return tuple(item[0] if isinstance(item, list) else item for item in items)
    if kind == "INT":
        if isinstance(argument, list):
            (argument,) = argument
        return int(argument)
    if kind == "FLOAT":
        return float(argument)
    return argument


def _ir_attribute(name: str, value: Any) -> ir.Attr:
    if isinstance(value, ir.Attr):
        return value
    if isinstance(value, torch.Tensor):
        return ir.AttrTensor(name, tensor_data(value))
    if isinstance(value, ir.Graph):
        return ir.AttrGraph(name, value)
    if isinstance(value, ir.TypeProtocol):
        return ir.AttrTypeProto(name, ir.TypeAndShape(value, None))
    if isinstance(value, (list, tuple)):
        if value and isinstance(value[0], float):
            return ir.AttrFloat32s(name, value)
        if value and isinstance(value[0], str):
            return ir.AttrStrings(name, value)
        return ir.AttrInt64s(name, value)
    if isinstance(value, int):
        return ir.AttrInt64(name, int(value))
    if isinstance(value, float):
        return ir.AttrFloat32(name, value)
    return ir.AttrString(name, value)


def _key(attributes: dict[str, Any]) -> Any:
    items = []
    for name in sorted(attributes):
        value = attributes[name]
        if isinstance(value, torch.Tensor):
            value = (value.dtype, tuple(value.shape), _bytes(value))
        elif isinstance(value, ir.Graph):
            value = id(value)
        elif isinstance(value, list):
            value = tuple(value)
        items.append((name, value))
    return tuple(items)


def _bytes(tensor: torch.Tensor) -> bytes:
    data: bytes = numpy_of(tensor).tobytes()
    return data


def _constant_name(tensor: torch.Tensor) -> str:
    """A name to read a small constant by: ``int64_1``, ``float32_-inf``, ``int64_0_12_64``."""
    kind = str(tensor.dtype).removeprefix("torch.")
    if tensor.numel() > 8:
        return f"{kind}_constant"
    numbers = "_".join(
        f"{n:g}" if isinstance(n, float) else str(n) for n in tensor.reshape(-1).tolist()
    )
    return f"{kind}_{numbers}" if tensor.dim() == 0 else f"{kind}s_{numbers}"


__all__ = ["Builder", "Scope"]
