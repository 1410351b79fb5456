"""Every private torch name that the project touches, one function each.

A new PyTorch that moves one of them breaks one probe, which names the function to mend.
Tried on PyTorch 2.6, 2.13 and 2.14.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

_SYMBOLIC = (torch.SymInt, torch.SymFloat, torch.SymBool)

# In the order of c10::ScalarType, which is fixed by saved programs.
_DTYPES = (
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.float32, torch.float64, torch.complex32, torch.complex64),
    *(torch.complex128, torch.bool),
    *(getattr(torch, name, torch.uint8) for name in ("qint8", "quint8", "qint32")),
    torch.bfloat16,
)


_IS_2_6 = torch.__version__.startswith("2.6.")


def schema_of(overload: Any) -> Any:
    """The FunctionSchema of an operator overload."""
    return overload._schema


def overload_of(name: str) -> Any | None:
    """The overload called ``aten::add.Tensor``, None where this PyTorch has none."""
    namespace, _, rest = name.partition("::")
    packet_name, _, overload_name = rest.partition(".")
    try:
        packet = getattr(getattr(torch.ops, namespace), packet_name)
        return getattr(packet, overload_name or "default")
    except (AttributeError, RuntimeError):
        return None


def is_operator(target: Any) -> bool:
    """True for an operator overload (``torch.ops.aten.add.Tensor``)."""
    return isinstance(target, torch._ops.OpOverload)


def is_higher_order(target: Any) -> bool:
    """True for control flow and its like (``torch.ops.higher_order.cond``)."""
    return isinstance(target, torch._ops.HigherOrderOperator)


def expression_of(number: torch.SymInt | torch.SymFloat | torch.SymBool) -> Any:
    """The sympy expression of a symbolic number, as settled by the guards so far."""
    return number.node.expr


def raw_expression_of(number: Any) -> Any:
    """The expression as it was made: cheap, and a key to cache the settled one by."""
    return number.node._expr


@functools.cache
def fixed_arguments(overload: Any) -> tuple[str, ...]:
    """The integers that an operator takes as plain numbers only, none of them symbolic."""
    return tuple(a.name for a in schema_of(overload).arguments if str(a.real_type) == "int")


@functools.cache
def _core_decompositions() -> dict[Any, Callable[..., Any]]:
    return dict(torch._decomp.core_aten_decompositions())


def decomposition_of(overload: Any) -> Callable[..., Any] | None:
    """PyTorch's own decomposition of an operator, None where it has none."""
    table = _core_decompositions()
    if overload in table:
        return table[overload]
    found = torch._decomp.get_decompositions([overload])
    if overload in found:
        return found[overload]
    if torch._C._dispatch_has_kernel_for_dispatch_key(
        overload.name(), torch._C.DispatchKey.CompositeImplicitAutograd
    ):
        return overload.decompose
    return None


@contextlib.contextmanager
def sizes_of_one_stay_dynamic() -> Iterator[None]:
    """Within, torch.export does not fix a dynamic dim whose example size is 0 or 1."""
    config: Any = importlib.import_module("torch.fx.experimental._config")
    if hasattr(config, "backed_size_oblivious"):
        with config.patch(backed_size_oblivious=True):
            yield
        return
    # PyTorch 2.6 assumes all dynamic sizes to be 2 or more, and does not note what follows.
    exporting: Any = importlib.import_module("torch._export.non_strict_utils")
    original = exporting.ShapeEnv
    exporting.ShapeEnv = functools.partial(original, specialize_zero_one=False)
    try:
        yield
    finally:
        exporting.ShapeEnv = original


def automatic_dim(low: int | None, high: int | None) -> Any:
    """A size for torch.export to find out about, within these bounds."""
    hint: Any = torch.export.Dim.AUTO
    # PyTorch 2.6 takes no bounds: it then relies on conditions, which are compared with them after.
    if (low is None and high is None) or not callable(hint):
        return hint
    return hint(min=low, max=high)


def export(module: torch.nn.Module, tensors: tuple[torch.Tensor, ...], shapes: Any) -> Any:
    """What torch.export makes of a module before it decomposes anything."""
    exporting: Any = torch.export
    # Until PyTorch 2.6 that has another name, and ``export`` decomposes.
    whole = exporting.export_for_training if _IS_2_6 else exporting.export
    return whole(module, tensors, dynamic_shapes=shapes, strict=False)


def shape_environment(program: torch.export.ExportedProgram) -> Any | None:
    """The ShapeEnv that a captured program's symbolic sizes live in."""
    for node in program.graph.nodes:
        mode = getattr(node.meta.get("val"), "fake_mode", None)
        if mode is not None and mode.shape_env is not None:
            return mode.shape_env
    return None


def guards_of(environment: Any | None) -> list[tuple[Any, Any]]:
    """The conditions on sizes that the capture relied on: expression, and FrameSummary or None."""
    return [
        (guard.expr, getattr(getattr(guard, "sloc", None), "framework_loc", None))
        for guard in getattr(environment, "guards", ())
    ]


def decides(environment: Any, condition: Any, ranges: Mapping[str, tuple[int, int]]) -> bool:
    """Whether a condition is true for some sizes and false for others.

    ``ranges`` are the sizes asked for, by symbol. What PyTorch knows of ranges has been narrowed by
    the very conditions, so those on a single size are tried out.
    """
    if not environment._maybe_evaluate_static(condition, axioms=()):
        return True
    symbols = list(condition.free_symbols)
    if len(symbols) != 1:
        return False
    low, high = ranges.get(str(symbols[0]), (0, 0))
    sizes = (1, 2, 3, 5, 8, 13, 64, 129, 1000, 10**6, max(low, 1), high)
    tried = [size for size in sizes if low <= size <= high]
    return any(bool(condition.subs(symbols[0], size)) is False for size in tried)


def is_false_for(condition: Any, sizes: Mapping[Any, int]) -> bool:
    """Whether a condition is known to be false for these values of its symbols."""
    return str(condition.subs(dict(sizes))) == "False"


def fails_at(environment: Any | None, size: Any, value: int) -> bool:
    """Whether the capture relied on a size in a way that is false for another value of it."""
    symbol = size if isinstance(size, int) else expression_of(size)
    if isinstance(symbol, int) or symbol.is_Integer:
        return bool(symbol != value)
    conditions = (guard for guard, _ in guards_of(environment) if guard.free_symbols == {symbol})
    return any(bool(guard.subs(symbol, value)) is False for guard in conditions)


def symbol_of_axis(environment: Any | None, index: int, axis: int) -> str | None:
    """The symbol that an axis of a positional input had at first, even if it was settled since."""
    for source, symbol in getattr(environment, "source_to_var", {}).items():
        if source.endswith(f"[{index}].size()[{axis}]"):
            return str(symbol)
    return None


def overloads_named(name: str) -> list[str]:
    """The overload names of ``aten::add``."""
    namespace, _, base = name.partition("::")
    packet = getattr(getattr(torch.ops, namespace), base, None)
    return [] if packet is None else list(packet.overloads())


def same_storage(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors (fake ones too) look at the same storage."""
    return bool(a.untyped_storage()._cdata == b.untyped_storage()._cdata)


def fake_mode() -> Any:
    """A FakeTensorMode whose sizes may be symbolic, and which takes real tensors beside fakes."""
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    if _IS_2_6:
        # It remembers sizes that depend on data, which mean nothing to another ShapeEnv.
        clear: Any = FakeTensorMode.cache_clear
        clear()
    return FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=True)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within, PyTorch does not log what fake tensors and symbolic sizes fail on: errors say it."""
    names = ("torch._subclasses.fake_tensor", "torch.fx.experimental.symbolic_shapes")
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was


@contextlib.contextmanager
def running_on(mode: Any) -> Iterator[None]:
    """Within, operators run on a mode's fake tensors, symbolic sizes and all."""
    from torch._dispatch.python import enable_python_dispatcher

    with mode, enable_python_dispatcher():
        yield


def fake_input(mode: Any, tensor: torch.Tensor, index: int, axes: Sequence[int]) -> torch.Tensor:
    """A fake of input number ``index``, with a symbol of its own for each of ``axes``."""
    from torch._dynamo.source import ConstantSource
    from torch.fx.experimental.symbolic_shapes import DimDynamic, StatelessSymbolicContext

    context: Any = StatelessSymbolicContext(
        dynamic_sizes=[
            DimDynamic.DYNAMIC if axis in axes else DimDynamic.STATIC
            for axis in range(tensor.dim())
        ],
        constraint_sizes=[None] * tensor.dim(),
    )
    source = ConstantSource(f"inputs[{index}]")
    fake: torch.Tensor = mode.from_tensor(tensor, source=source, symbolic_context=context)
    return fake


def fake_copy(mode: Any, tensor: torch.Tensor) -> torch.Tensor:
    """A fake of a tensor whose sizes are known."""
    fake: torch.Tensor = mode.from_tensor(tensor, static_shapes=True)
    return fake


def unknown_size(mode: Any) -> torch.SymInt:
    """A size that no input's size settles."""
    size: Any = mode.shape_env.create_unbacked_symint()
    check: Any = torch._check_is_size
    check(size)
    return size


def assume(condition: Any) -> None:
    """Let PyTorch rely on a condition on sizes."""
    check: Any = torch._check
    check(condition)


def traced(module: torch.nn.Module, tensors: tuple[torch.Tensor, ...]) -> Any:
    """The module as its run on ``tensors`` is recorded by PyTorch's tracer."""
    trace: Any = torch.jit.trace
    # The fast path of attention is one operator, which hides what it does.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        return trace(module, tensors, check_trace=False, strict=False)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def is_tracing() -> bool:
    """Whether PyTorch's tracer records what runs."""
    tracing: Any = torch._C._get_tracing_state
    return tracing() is not None


def loaded(path: Any) -> Any:
    """A TorchScript program that was saved."""
    load: Any = torch.jit.load
    return load(path, map_location="cpu")


def environment_of(fake: Any) -> Any | None:
    """The ShapeEnv of a fake tensor or symbolic number."""
    if isinstance(fake, torch.Tensor):
        return getattr(getattr(fake, "fake_mode", None), "shape_env", None)
    return fake.node.shape_env if isinstance(fake, _SYMBOLIC) else None


def state_of(environment: Any) -> tuple[Any, ...]:
    """What a ShapeEnv knows, to go back to."""
    ranges = dict(environment.var_to_range)
    return list(environment.guards), dict(environment.replacements), ranges


def has_settled(environment: Any, state: Any) -> bool:
    """Whether a size has become a number since."""
    _, before, _ = state
    new = environment.replacements
    if len(new) == len(before):
        return False
    return any(s not in before and e.is_Integer for s, e in new.items())


def go_back(environment: Any, state: Any) -> None:
    """Let a ShapeEnv forget what it has learnt since."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    guards, replacements, ranges = state
    environment.guards[:] = guards
    environment.replacements.clear()
    environment.replacements.update(replacements)
    environment.var_to_range.clear()
    environment.var_to_range.update(ranges)
    # Answers are remembered by these, and results of operators by the other.
    environment._prev_cache_key = (-1, -1, -1, -1)
    environment._version_counter += 1
    environment._replacements_version_counter = (
        getattr(environment, "_replacements_version_counter", 0) + 1
    )
    clear: Any = FakeTensorMode.cache_clear
    clear()


def is_unknown(number: Any) -> bool:
    """Whether a symbolic number depends on data, so that it has no example."""
    return isinstance(number, _SYMBOLIC) and not number.node.has_hint()


def is_a_count(number: Any) -> bool:
    """Whether a size is surely not negative."""
    from torch.fx.experimental.symbolic_shapes import statically_known_true

    return isinstance(number, torch.SymInt) and statically_known_true(number >= 0)


def example_of(number: Any) -> Any:
    """The example's value of a symbolic number."""
    return number.node.hint if isinstance(number, _SYMBOLIC) else number


def value_at(number: Any, environment: Any, data: int, factor: int) -> Any:
    """A symbolic number for ``data`` in place of what depends on data, and ``factor`` times the
    example's sizes; other things as they are.
    """
    if not isinstance(number, _SYMBOLIC):
        return number
    expression = expression_of(number)
    known = getattr(environment, "backed_var_to_val", None) or environment.var_to_val
    values = {s: int(known[s]) * factor if s in known else data for s in expression.free_symbols}
    value = expression.subs(values) if hasattr(expression, "subs") else expression
    kind = {torch.SymInt: int, torch.SymFloat: float, torch.SymBool: bool}[type(number)]
    return kind(value)


def dtype_numbered(number: int) -> torch.dtype:
    """The dtype that TorchScript writes as a number."""
    return _DTYPES[number]


def number_of_dtype(dtype: torch.dtype) -> int:
    """The number that TorchScript writes for a dtype."""
    return _DTYPES.index(dtype)


def memory_format_numbered(number: int) -> torch.memory_format:
    """The memory format that TorchScript writes as a number."""
    formats = (
        torch.contiguous_format,
        torch.preserve_format,
        torch.channels_last,
        torch.channels_last_3d,
    )
    return formats[number]


def inlined(graph: Any) -> Any:
    """A TorchScript graph with the bodies of the functions that it calls in their places."""
    inline: Any = torch._C._jit_pass_inline
    inline(graph)
    return graph


def is_script(value: Any) -> bool:
    """Whether a value is a TorchScript module or object."""
    return isinstance(value, (torch._C.ScriptModule, torch._C.ScriptObject))


@contextlib.contextmanager
def matrix_operators_have_types() -> Iterator[None]:
    """Within, operators of linear algebra that PyTorch has no types for have them on fake tensors.

    It refuses ``linalg.lstsq``, since it leaves out the residuals where the rank is not full: here
    they have the shape of a full rank.
    """
    from torch._subclasses.fake_impls import op_implementations_dict as implementations

    typed = {
        torch.ops.aten.linalg_lstsq.default: _types_of_least_squares,
        torch.ops.aten.geqrf.default: _types_of_reflections,
    }
    before = {op: implementations[op] for op in typed if op in implementations}
    implementations.update(typed)
    try:
        yield
    finally:
        for overload in typed:
            del implementations[overload]
        implementations.update(before)


def _types_of_reflections(
    mode: Any, overload: Any, self: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    *batch, rows, columns = self.shape
    factors = self.new_empty((*batch, torch.sym_min(rows, columns)))  # type: ignore[no-untyped-call]
    return torch.empty_like(self), factors


def _types_of_least_squares(
    mode: Any,
    overload: Any,
    a: torch.Tensor,
    b: torch.Tensor,
    rcond: float | None = None,
    *,
    driver: str | None = None,
) -> tuple[torch.Tensor, ...]:
    driver = driver or "gelsy"
    vectors = b.dim() == 1 or (b.dim() == a.dim() - 1 and b.shape == a.shape[:-1])
    right = b.unsqueeze(-1) if vectors else b
    batch = torch.broadcast_shapes(a.shape[:-2], right.shape[:-2])  # type: ignore[no-untyped-call]
    rows, columns = a.shape[-2:]
    solution = a.new_empty((*batch, columns, right.shape[-1]))
    over = driver != "gelsy" and rows > columns
    residuals = a.new_empty((*batch, right.shape[-1]) if over else (0,))
    ranks = a.shape[:-2] if driver != "gels" else (0,)
    smaller = torch.sym_min(rows, columns)  # type: ignore[no-untyped-call]
    values = (*a.shape[:-2], smaller) if driver in ("gelss", "gelsd") else (0,)
    return (
        solution.squeeze(-1) if vectors else solution,
        residuals,
        a.new_empty(ranks, dtype=torch.int64),
        a.new_empty(values),
    )


@contextlib.contextmanager
def recurrent_layers_have_types() -> Iterator[None]:
    """Within, recurrent layers on fake tensors just tell their results' types.

    PyTorch finds these by running the layers step by step, which fixes the length of the sequence.
    And what it says of a packed sequence is wrong: that it is as long as the batch, of floats.
    """
    from torch._subclasses.fake_impls import op_implementations_dict as implementations

    layers: dict[str, Callable[..., Any]] = {}
    for name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
        layers[f"aten::{name}.input"] = _types_of_layer
        layers[f"aten::{name}.data"] = _types_of_packed_layer
    pack = torch.ops.aten._pack_padded_sequence.default
    packed = implementations[pack]
    implementations[pack] = _types_of_packed
    try:
        with types_are_told(layers):
            yield
    finally:
        implementations[pack] = packed


@contextlib.contextmanager
def dims_are_counted_from_the_start() -> Iterator[None]:
    """Within, unique_consecutive along a negative dim has the right rank on fake tensors."""
    from torch._subclasses.fake_impls import op_implementations_dict as implementations

    overload = torch.ops.aten.unique_consecutive.default
    # PyTorch 2.6 has no types for it at all.
    found = implementations.get(overload, _types_of_unique_consecutive)

    def counted(mode: Any, func: Any, self: torch.Tensor, *args: Any, **named: Any) -> Any:
        given = dict(zip(("return_inverse", "return_counts", "dim"), args, strict=False)) | named
        if given.get("dim") is not None:
            given["dim"] %= max(self.dim(), 1)
        return found(mode, func, self, **given)

    with _implemented({overload: counted}):
        yield


def _types_of_unique_consecutive(
    mode: Any,
    overload: Any,
    self: torch.Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> tuple[torch.Tensor, ...]:
    count = unknown_size(mode)
    sizes, places = [count], self.shape
    if dim is not None and self.dim() > 0:
        sizes, places = [*self.shape[:dim], count, *self.shape[dim + 1 :]], self.shape[dim:][:1]
    inverse = self.new_empty(places if return_inverse else (0,), dtype=torch.int64)
    counts = self.new_empty([count] if return_counts else (0,), dtype=torch.int64)
    return self.new_empty(sizes), inverse, counts


@contextlib.contextmanager
def types_are_known(table: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """Within, operators that PyTorch has no fake kernel of, by name, run what ``table`` has."""
    known = {overload_of(name): told for name, told in table.items()}

    def without_mode(told: Callable[..., Any]) -> Callable[..., Any]:
        return lambda mode, func, *args, **named: told(*args, **named)

    with _implemented({o: without_mode(told) for o, told in known.items() if o is not None}):
        yield


@contextlib.contextmanager
def _implemented(table: Mapping[Any, Callable[..., Any]]) -> Iterator[None]:
    from torch._subclasses.fake_impls import op_implementations_dict as implementations

    before = {overload: implementations.get(overload) for overload in table}
    implementations.update(table)
    try:
        yield
    finally:
        for overload, found in before.items():
            if found is None:
                del implementations[overload]
            else:
                implementations[overload] = found


@contextlib.contextmanager
def types_are_told(table: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """Within, composite operators on fake tensors, by name, run what ``table`` has for them.

    That need but make tensors of the results' types. PyTorch would run the operators' own code,
    which may look at numbers that fake tensors do not have.
    """
    keys = torch._C.DispatchKey.CompositeImplicitAutograd, torch._C.DispatchKey.Autograd
    saved = []
    try:
        for name, told in table.items():
            overload = overload_of(name)
            if overload is None:
                continue
            saved.append((overload, dict(overload.py_kernels)))
            overload.py_kernels.update(dict.fromkeys(keys, told))
            overload._dispatch_cache.clear()
        yield
    finally:
        for overload, kernels in saved:
            overload.py_kernels.clear()
            overload.py_kernels.update(kernels)
            overload._dispatch_cache.clear()


@contextlib.contextmanager
def fake_quantization_has_types() -> Iterator[None]:
    """Within, fake tensors can be fake-quantized, for which PyTorch has no types of results."""
    from torch._subclasses.fake_impls import op_implementations_dict as implementations

    names = (
        "fake_quantize_per_tensor_affine_cachemask",
        "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams",
        "fake_quantize_per_channel_affine_cachemask",
    )
    overloads: list[Any] = [getattr(torch.ops.aten, name).default for name in names]
    before = {o: implementations[o] for o in overloads if o in implementations}
    implementations.update(dict.fromkeys(overloads, _types_of_fake_quantized))
    try:
        yield
    finally:
        for overload in overloads:
            del implementations[overload]
        implementations.update(before)


def _types_of_fake_quantized(
    mode: Any, overload: Any, self: torch.Tensor, *rest: Any, **named: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty_like(self), torch.empty_like(self, dtype=torch.bool)


def _types_of_layer(
    input: torch.Tensor,
    hx: Any,
    params: Any,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool = False,
) -> tuple[torch.Tensor, ...]:
    states = [hx] if isinstance(hx, torch.Tensor) else list(hx)
    width = states[0].shape[-1] * (2 if bidirectional else 1)
    sizes = list(input.shape[:-1])
    if batch_first:
        # Made with the time first, and so it lies in memory.
        output = input.new_empty([*sizes[::-1], width]).transpose(0, 1)
    else:
        output = input.new_empty([*sizes, width])
    return (output, *(torch.empty_like(state) for state in states))


def _types_of_packed_layer(
    data: torch.Tensor, batch_sizes: torch.Tensor, *rest: Any
) -> tuple[torch.Tensor, ...]:
    return _types_of_layer(data, *rest)


def _types_of_packed(
    mode: Any, overload: Any, input: torch.Tensor, lengths: torch.Tensor, batch_first: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    data = input.new_empty([unknown_size(mode), *input.shape[2:]])
    return data, lengths.new_empty([unknown_size(mode)])


# For recording runs.

OperatorPacket: Any = torch._ops.OpOverloadPacket


def name_of_packet(packet: Any) -> str:
    """``aten::add`` of ``torch.ops.aten.add``."""
    return str(packet._qualified_op_name)


def list_lengths(overload: Any) -> list[int | None]:
    """For each argument the length of its list of numbers, where the schema fixes one."""
    return [argument.N for argument in overload._schema.arguments]


def static_fake_mode() -> Any:
    """A FakeTensorMode whose sizes are all known."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    return FakeTensorMode(allow_non_fake_inputs=True)


def is_fake(tensor: Any) -> bool:
    """Whether a tensor is a stand-in without data."""
    from torch._subclasses.fake_tensor import FakeTensor

    return isinstance(tensor, FakeTensor)


def is_wrapped(tensor: Any) -> bool:
    """Whether a tensor is one of torch.func's, or of a class that computes its own way."""
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return True
    kind: Any = type(tensor)
    return kind not in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer) and (
        kind.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__
    )


def fake_of_shape(mode: Any, tensor: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """A stand-in of a tensor's type with other sizes."""
    with mode:
        fake: torch.Tensor = torch.empty(tuple(shape), dtype=tensor.dtype, device=tensor.device)
    return fake


def empty_fake(mode: Any, sizes: Sequence[Any], like: torch.Tensor) -> torch.Tensor:
    """A stand-in with symbolic sizes."""
    with mode:
        fake: torch.Tensor = torch.empty(tuple(sizes), dtype=like.dtype, device=like.device)
    return fake


def new_symbol(mode: Any, name: str, known: int) -> Any:
    """A symbolic size of its own, of the value ``known`` in the example."""
    from torch._dynamo.source import ConstantSource
    from torch.fx.experimental.symbolic_shapes import DimDynamic

    source = ConstantSource(name)
    symbol = mode.shape_env.create_symbol(known, source=source, dynamic_dim=DimDynamic.DYNAMIC)
    return mode.shape_env.create_symintnode(symbol, hint=known, source=source)


def data_dependent_errors() -> tuple[type[Exception], ...]:
    """What stand-ins raise where a result depends on the elements of tensors."""
    from torch._subclasses import fake_tensor

    return (
        fake_tensor.DynamicOutputShapeException,
        fake_tensor.DataDependentOutputException,
    )


def autocast_dtype() -> torch.dtype | None:
    """The dtype of the region of torch.autocast that the program is in, None outside of one."""
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            return torch.get_autocast_dtype(device)
    return None


# PyTorch's modules of Python functions that a mode is asked about.
_PYTHON_FUNCTIONS = ("torch.nn.functional", "torch.functional", "torch._tensor", "torch._lowrank")
_CHECKS = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


@contextlib.contextmanager
def recording_environment() -> Iterator[None]:
    """Within, PyTorch's Python functions do not hand themselves to a mode but run, so that the
    operators they call are seen; and models are told that they are being exported.
    """
    import torch._lowrank
    import torch._tensor
    import torch.functional
    import torch.nn.functional
    from torch._subclasses import fake_tensor

    FakeTensor: Any = fake_tensor.FakeTensor

    places: Any = [sys.modules[name] for name in _PYTHON_FUNCTIONS]
    saved = [(m, n, getattr(m, n)) for m in places for n in _CHECKS if hasattr(m, n)]
    compiler: Any = torch.compiler
    flags = [n for n in ("_is_compiling_flag", "_is_exporting_flag") if hasattr(compiler, n)]
    before = {name: getattr(compiler, name) for name in flags}
    # Stand-ins have one of their own, which reads element by element, unseen.
    own_list = FakeTensor.__dict__.get("tolist")
    try:
        if own_list is not None:
            FakeTensor.tolist = torch.Tensor.tolist
        for module, name, _ in saved:
            setattr(module, name, _never)
        for name in flags:
            setattr(compiler, name, True)
        with recurrent_layers_have_types(), fake_quantization_has_types(), quiet():
            yield
    finally:
        if own_list is not None:
            FakeTensor.tolist = own_list
        for module, name, value in saved:
            setattr(module, name, value)
        for name, value in before.items():
            setattr(compiler, name, value)


def runs_as_python(function: Any) -> bool:
    """Whether a function of PyTorch's runs its own Python within ``recording_environment``."""
    return function.__globals__.get("__name__") in _PYTHON_FUNCTIONS


def _never(*_: Any) -> bool:
    return False


def is_of_torch_func(target: Any) -> bool:
    """Whether an FX node's target belongs to torch.func's transformations (vmap)."""
    return str(getattr(target, "__module__", "")).startswith("torch._functorch")


def all_schemas() -> list[Any]:
    """The schemas of all operators, those left out that only TorchScript knows."""
    return [
        schema
        for schema in torch._C._jit_get_all_schemas()
        if torch._C._dispatch_has_kernel(
            f"{schema.name}.{schema.overload_name}" if schema.overload_name else schema.name
        )
    ]


def is_data_dependent(error: Exception) -> bool:
    """Whether torch.export stopped for a condition on the elements of a tensor."""
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

    return isinstance(error, GuardOnDataDependentSymNode)


def is_within_vmap(error: BaseException | None) -> bool:
    """Whether PyTorch failed within torch.vmap: its tracer then keeps the example's sizes."""
    return error is not None and "inside of vmap" in str(error)
