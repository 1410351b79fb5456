"""A probe per function of compat and compat_extending, which bears its name.

Each calls its function on the smallest example that tells whether it still does what it says, so
that a PyTorch that moves a private name says within seconds which function to mend.
"""

from __future__ import annotations

import importlib
import inspect
import io
import logging
import pkgutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from releases import since
from torch_onnx import compat, compat_extending

aten = torch.ops.aten
X = torch.ones(2, 3)


def test_every_function_has_a_probe() -> None:
    themes = [
        importlib.import_module(f"torch_onnx.compat.{theme.name}")
        for theme in pkgutil.iter_modules(compat.__path__)
    ]
    functions = {
        name
        for module in (*themes, compat_extending)
        for name, value in vars(module).items()
        if inspect.isroutine(inspect.unwrap(value)) and not name.startswith("_")
        if value.__module__ == module.__name__
    }
    assert functions >= set(compat.__all__) - {"OperatorPacket"}
    assert not [name for name in sorted(functions) if f"test_{name}" not in globals()]


def symbolic() -> tuple[Any, torch.Tensor]:
    """A mode, and a fake of X whose first size is a symbol."""
    mode = compat.fake_mode()
    return mode, compat.fake_input(mode, X, 0, [0])


def settled(size: Any, value: int) -> None:
    """Make the ShapeEnv settle a size."""
    compat.assume(size == value)


@pytest.fixture(scope="module")
def captured() -> torch.export.ExportedProgram:
    """A program with a dynamic size."""

    class Add(torch.nn.Module):
        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            return inputs[0] + 1

    n = torch.export.Dim("n", min=2, max=9)
    return torch.export.export(
        Add(), (torch.ones(3, 4),), dynamic_shapes=(({0: n},),), strict=False
    )


# Operators and schemas.


def test_schema_of() -> None:
    assert [argument.name for argument in compat.schema_of(aten.add.Tensor).arguments] == [
        *("self", "other", "alpha")
    ]


def test_overload_of() -> None:
    assert compat.overload_of("aten::add.Tensor") is aten.add.Tensor
    assert compat.overload_of("aten::relu") is aten.relu.default
    assert compat.overload_of("aten::no_such") is None
    assert compat.overload_of("no_such_library::add") is None


def test_is_operator() -> None:
    assert compat.is_operator(aten.add.Tensor)
    assert not compat.is_operator(torch.add)


def test_is_higher_order() -> None:
    assert compat.is_higher_order(torch.ops.higher_order.cond)
    assert not compat.is_higher_order(aten.add.Tensor)


def test_overloads_named() -> None:
    assert {"Tensor", "Scalar"} <= set(compat.overloads_named("aten::add"))
    assert compat.overloads_named("aten::no_such") == []


def test_fixed_arguments() -> None:
    assert compat.fixed_arguments(aten.softmax.int) == ("dim",)


def test_list_lengths() -> None:
    lengths = compat.list_lengths(aten.max_pool2d.default)
    assert lengths == [None, 2, 2, 2, 2, None]


def test_name_of_packet() -> None:
    assert isinstance(aten.add, compat.OperatorPacket)
    assert compat.name_of_packet(aten.add) == "aten::add"


def test_decomposition_of() -> None:
    x = torch.tensor([-1.0, 2.0])
    for overload in (aten.hardswish.default, aten.square.default):
        found = compat.decomposition_of(overload)
        assert found is not None
        torch.testing.assert_close(found(x), overload(x))
    assert compat.decomposition_of(aten.relu.default) is None or callable(
        compat.decomposition_of(aten.relu.default)
    )
    assert compat.decomposition_of(aten.convolution.default) is None


def test_ranges_are_of_whole_numbers() -> None:
    count = 3 if compat.ranges_are_of_whole_numbers() else 2
    assert torch.arange(0, 3, 1.5, dtype=torch.int64).tolist() == list(range(count))


def test_all_schemas() -> None:
    names = {(schema.name, schema.overload_name) for schema in compat.all_schemas()}
    assert {("aten::add", "Tensor"), ("aten::relu", "")} <= names
    assert not any(name == "prim::Constant" for name, _ in names)


# Symbolic sizes.


def test_expression_of() -> None:
    _, x = symbolic()
    size = x.shape[0]
    assert str(compat.expression_of(size + 1)) == f"{compat.expression_of(size)} + 1"
    settled(size, 2)
    assert compat.expression_of(size) == 2


def test_raw_expression_of() -> None:
    _, x = symbolic()
    size = x.shape[0]
    before = compat.raw_expression_of(size)
    settled(size, 2)
    assert compat.raw_expression_of(size) == before != 2


def test_sizes_of_one_stay_dynamic() -> None:
    class OnOne(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1 if x.shape[0] == 1 else x

    dims = ({0: torch.export.Dim.AUTO},)
    with compat.sizes_of_one_stay_dynamic():
        program = torch.export.export(OnOne(), (X,), dynamic_shapes=dims, strict=False)
    ((condition, _),) = compat.guards_of(compat.shape_environment(program))
    (symbol,) = condition.free_symbols
    assert compat.is_false_for(condition, {symbol: 1})


def test_extremes_are_not_decided() -> None:
    mode, x = symbolic()
    with compat.extremes_are_not_decided():
        smaller = torch.sym_min(x.shape[0], 5)
        with compat.running_on(mode):
            _, singular, _ = aten._linalg_svd.default(x)
    assert str(compat.expression_of(smaller)).startswith("Min(")
    assert str(compat.expression_of(singular.shape[0])).startswith("Min(")


def test_automatic_dim() -> None:
    assert compat.automatic_dim(None, None) is torch.export.Dim.AUTO
    hint = compat.automatic_dim(2, 9)
    assert (getattr(hint, "min", 2), getattr(hint, "max", 9)) == (2, 9)


def test_export() -> None:
    program = compat.export(torch.nn.Sequential(torch.nn.Linear(3, 2)), (X,), None)
    targets = [node.target for node in program.graph.nodes if node.op == "call_function"]
    assert targets == [aten.linear.default]


def test_shape_environment(captured: torch.export.ExportedProgram) -> None:
    environment = compat.shape_environment(captured)
    assert environment is not None
    assert environment.var_to_range


def test_guards_of() -> None:
    mode, x = symbolic()
    assert compat.guards_of(mode.shape_env) == []
    assert bool(x.shape[0] * 3 < 100)
    ((condition, _),) = compat.guards_of(mode.shape_env)
    (symbol,) = condition.free_symbols
    assert condition.subs(symbol, 5) == True  # noqa: E712 - sympy's
    assert compat.guards_of(None) == []


def test_decides() -> None:
    mode, x = symbolic()
    symbol = compat.expression_of(x.shape[0])
    assert bool(x.shape[0] * 3 < 100)
    ((condition, _),) = compat.guards_of(mode.shape_env)
    assert compat.decides(mode.shape_env, condition, {str(symbol): (2, 1000)})
    assert not compat.decides(mode.shape_env, symbol >= 0, {str(symbol): (2, 1000)})


def test_is_false_for() -> None:
    _, x = symbolic()
    symbol = compat.expression_of(x.shape[0])
    assert compat.is_false_for(symbol < 4, {symbol: 7})
    assert not compat.is_false_for(symbol < 4, {symbol: 3})


def test_fails_at() -> None:
    mode, x = symbolic()
    assert bool(x.shape[0] < 7)
    assert compat.fails_at(mode.shape_env, x.shape[0], 8)
    assert not compat.fails_at(mode.shape_env, x.shape[0], 3)
    assert compat.fails_at(mode.shape_env, 4, 5)


def test_cuts_off_fractions() -> None:
    mode, x = symbolic()
    assert int(x.shape[0] * 0.5) == int(x.shape[0] * 0.5)
    assert x.shape[0] > 1
    found = [compat.cuts_off_fractions(c) for c, _ in compat.guards_of(mode.shape_env)]
    assert True in found
    assert not compat.cuts_off_fractions(compat.expression_of(x.shape[0] == 3))


def test_number_for() -> None:
    mode, x = symbolic()
    (symbol,) = compat.symbols_of([x.shape[0] + 1, 7])
    assert compat.number_for(x.shape[0] * 2 + 1, {symbol: 4}) == 9
    assert compat.number_for(7, {}) == 7
    assert compat.number_for(compat.unknown_size(mode), {symbol: 4}) is None


def test_symbols_of() -> None:
    mode, x = symbolic()
    assert len(compat.symbols_of([x.shape[0], compat.unknown_size(mode), 3])) == 2


def test_symbol_of_axis(captured: torch.export.ExportedProgram) -> None:
    environment = compat.shape_environment(captured)
    (x,) = (node for node in captured.graph.nodes if node.op == "placeholder")
    symbol = compat.symbol_of_axis(environment, 0, 0)
    assert symbol == str(compat.expression_of(x.meta["val"].shape[0]))
    assert compat.symbol_of_axis(environment, 0, 1) is None


def test_unknown_size() -> None:
    mode, _ = symbolic()
    size = compat.unknown_size(mode)
    assert isinstance(size, torch.SymInt)
    assert bool(size >= 0)


def test_assume() -> None:
    mode, x = symbolic()
    compat.assume(x.shape[0] < 50)
    assert len(compat.guards_of(mode.shape_env)) == 1


def test_environment_of() -> None:
    mode, x = symbolic()
    assert compat.environment_of(x) is mode.shape_env
    assert compat.environment_of(x.shape[0]) is mode.shape_env
    assert compat.environment_of(X) is None
    assert compat.environment_of(3) is None


def test_has_settled() -> None:
    mode, x = symbolic()
    state = compat.state_of(mode.shape_env)
    assert not compat.has_settled(mode.shape_env, state)
    settled(x.shape[0], 2)
    assert compat.has_settled(mode.shape_env, state)


def test_has_equated() -> None:
    mode = compat.fake_mode()
    x, y = (compat.fake_input(mode, X.clone(), index, [0]) for index in range(2))
    state = compat.state_of(mode.shape_env)
    compat.assume(x.shape[0] >= 2)
    assert not compat.has_equated(mode.shape_env, state)
    compat.assume(x.shape[0] == y.shape[0])
    assert compat.has_equated(mode.shape_env, state)


def test_state_of() -> None:
    mode, x = symbolic()
    before = compat.state_of(mode.shape_env)
    settled(x.shape[0], 2)
    assert before != compat.state_of(mode.shape_env)


def test_go_back() -> None:
    mode, x = symbolic()
    before = compat.state_of(mode.shape_env)
    settled(x.shape[0], 2)
    assert compat.expression_of(x.shape[0]) == 2
    compat.go_back(mode.shape_env, before)
    assert compat.state_of(mode.shape_env) == before
    assert not compat.expression_of(x.shape[0]).is_Integer


def test_is_unknown() -> None:
    mode, x = symbolic()
    assert compat.is_unknown(compat.unknown_size(mode))
    assert not compat.is_unknown(x.shape[0])
    assert not compat.is_unknown(3)


def test_is_a_count() -> None:
    _, x = symbolic()
    assert compat.is_a_count(x.shape[0])
    assert not compat.is_a_count(x.shape[0] - 9)


def test_example_of() -> None:
    _, x = symbolic()
    assert compat.example_of(x.shape[0] * 5) == 10
    assert compat.example_of(7) == 7


def test_value_at() -> None:
    mode, x = symbolic()
    environment = mode.shape_env
    assert compat.value_at(x.shape[0] + 1, environment, data=17, factor=3) == 7
    assert compat.value_at(compat.unknown_size(mode), environment, data=17, factor=3) == 17
    assert compat.value_at(4, environment, data=17, factor=3) == 4


def test_new_symbol() -> None:
    mode, x = symbolic()
    size = compat.new_symbol(mode, "length", 5)
    assert compat.example_of(size) == 5
    assert not compat.is_unknown(size)
    assert compat.expression_of(size) != compat.expression_of(x.shape[0])


# Fake tensors.


def test_fake_mode() -> None:
    mode = compat.fake_mode()
    assert mode.shape_env is not None
    with mode:
        assert compat.is_fake(torch.empty(2))


def test_static_fake_mode() -> None:
    mode = compat.static_fake_mode()
    fake = compat.fake_copy(mode, X)
    with mode:
        assert (fake + X).shape == (2, 3)


def test_quiet() -> None:
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    # Fake tensors still log there: without this, the function would do nothing.
    assert "torch._subclasses.fake_tensor" in sys.modules
    with compat.quiet():
        assert logger.disabled
    assert not logger.disabled


def test_running_on() -> None:
    mode, x = symbolic()
    with compat.running_on(mode):
        result = aten.flatten.using_ints(x, 0, 1)
    assert str(compat.expression_of(result.shape[0])) == (f"3*{compat.expression_of(x.shape[0])}")
    numbers = []
    for _ in range(2):
        with compat.running_on(mode):
            numbers.append(compat.expression_of(x.sum().item()))
    assert numbers[0] != numbers[1]


def test_forget_data() -> None:
    mode = compat.fake_mode()
    x = compat.fake_copy(mode, torch.ones(()))
    first, again = x.item(), x.item()
    compat.forget_data(mode)
    other = x.item()
    numbers = [compat.expression_of(number) for number in (first, again, other)]
    assert numbers[0] == numbers[1] != numbers[2]


def test_fake_input() -> None:
    mode = compat.fake_mode()
    x = compat.fake_input(mode, X, 0, [0])
    assert isinstance(x.shape[0], torch.SymInt)
    assert x.shape[1] == 3
    assert type(x.shape[1]) is int
    # A size may be 0: nothing settles whether it is.
    assert str(compat.expression_of(x.shape[0] == 0)) != "False"


def test_sizes_may_be_zero() -> None:
    mode = compat.fake_mode()
    with compat.sizes_may_be_zero():
        x = mode.from_tensor(X, symbolic_context=None)
    if isinstance(x.shape[0], torch.SymInt):
        assert str(compat.expression_of(x.shape[0] == 0)) != "False"


def test_compiled_alike() -> None:
    def stand_in(*args: Any) -> torch.Tensor:
        return torch.ones(args)

    def program(x: torch.Tensor) -> torch.Tensor:
        return x + stand_in([1, 2])

    with compat.compiled_alike({stand_in: torch.tensor}):
        script = torch.jit.script(program)
    assert script(torch.zeros(2)).tolist() == [1, 2]


def test_fake_copy() -> None:
    fake = compat.fake_copy(compat.fake_mode(), X)
    assert compat.is_fake(fake)
    assert [type(size) for size in fake.shape] == [int, int]


def test_another_fake() -> None:
    _, fake = symbolic()
    turned = fake.t()
    another = compat.another_fake(turned)
    assert compat.is_fake(another)
    assert (another.shape, another.stride()) == (turned.shape, turned.stride())
    assert not compat.same_storage(another, turned)


def test_is_fake() -> None:
    assert compat.is_fake(symbolic()[1])
    assert not compat.is_fake(X)


def test_is_wrapped() -> None:
    found = []
    torch.func.vmap(lambda row: found.append(compat.is_wrapped(row)) or row)(X)
    assert found == [True]
    assert not compat.is_wrapped(X)
    assert not compat.is_wrapped(torch.nn.Parameter(X))


def test_fake_of_shape() -> None:
    fake = compat.fake_of_shape(compat.static_fake_mode(), X.double(), [4, 5])
    assert compat.is_fake(fake)
    assert (fake.shape, fake.dtype) == ((4, 5), torch.float64)


def test_empty_fake() -> None:
    mode, x = symbolic()
    fake = compat.empty_fake(mode, [x.shape[0], 7], X)
    assert compat.expression_of(fake.shape[0]) == compat.expression_of(x.shape[0])


def test_data_dependent_errors() -> None:
    fake = compat.fake_copy(compat.static_fake_mode(), X)
    with pytest.raises(compat.data_dependent_errors()):
        fake.nonzero()
    with pytest.raises(compat.data_dependent_errors()):
        fake.sum().item()


def test_same_storage() -> None:
    assert compat.same_storage(X, X.view(3, 2))
    assert not compat.same_storage(X, X.clone())
    fake = compat.fake_copy(compat.static_fake_mode(), X)
    assert compat.same_storage(fake, fake[0])
    assert not compat.same_storage(fake, fake.clone())


def test_is_data_dependent() -> None:
    mode, _ = symbolic()
    size = compat.unknown_size(mode)
    with compat.quiet(), pytest.raises(Exception, match="data-dependent") as caught:
        bool(size == 7)
    assert compat.is_data_dependent(caught.value)
    assert not compat.is_data_dependent(ValueError())


# Types of results on fake tensors.


def test_matrix_operators_have_types() -> None:
    mode, _ = symbolic()
    a = compat.fake_copy(mode, torch.ones(4, 3))
    b = compat.fake_copy(mode, torch.ones(4, 2))
    with compat.matrix_operators_have_types(), compat.running_on(mode):
        solution, residuals, rank, _ = aten.linalg_lstsq.default(a, b, driver="gelsd")
        factors, reflections = aten.geqrf.default(a)
    assert (solution.shape, residuals.shape, rank.shape) == ((3, 2), (2,), ())
    assert (factors.shape, reflections.shape) == ((4, 3), (3,))


def test_recurrent_layers_have_types() -> None:
    mode = compat.fake_mode()
    x = compat.fake_input(mode, torch.ones(5, 2, 4), 0, [0])
    state = compat.fake_copy(mode, torch.ones(1, 2, 3))
    weights = [compat.fake_copy(mode, torch.ones(9, size)) for size in (4, 3)]
    lengths = compat.fake_copy(mode, torch.ones(2, dtype=torch.int64))
    with compat.recurrent_layers_have_types(), compat.running_on(mode):
        output, _ = aten.gru.input(x, state, weights, False, 1, 0.0, False, False, False)
        data, _ = aten._pack_padded_sequence.default(x, lengths, False)
    assert compat.expression_of(output.shape[0]) == compat.expression_of(x.shape[0])
    assert output.shape[1:] == (2, 3)
    assert compat.is_unknown(data.shape[0])


def test_dims_are_counted_from_the_start() -> None:
    mode = compat.fake_mode()
    fake = compat.fake_copy(mode, X)
    with compat.dims_are_counted_from_the_start(), compat.running_on(mode):
        values, _, _ = aten.unique_consecutive.default(fake, dim=-1)
    assert values.dim() == 2
    assert values.shape[0] == 2


def test_types_are_known() -> None:
    mode = compat.static_fake_mode()
    fake = compat.fake_copy(mode, X)

    def told(self: torch.Tensor, dim: int = -1, descending: bool = False) -> Any:
        return self.new_empty(7), self.new_empty(7)

    with compat.types_are_known({"aten::sort": told, "aten::no_such": told}), mode:
        assert aten.sort.default(fake)[0].shape == (7,)


def test_missing_types_are_known() -> None:
    mode = compat.static_fake_mode()
    fake = compat.fake_copy(mode, X)

    def told(self: torch.Tensor, *_: Any) -> torch.Tensor:
        return self.new_empty(7)

    table = {"aten::relu": told, "aten::_weight_norm": told, "aten::no_such": told}
    with compat.missing_types_are_known(table), mode:
        assert aten.relu.default(fake).shape == (2, 3)


def test_places_have_integer_types() -> None:
    mode = compat.fake_mode()
    fake = compat.fake_copy(mode, torch.ones(2, 3, dtype=torch.int32))
    with compat.places_have_integer_types(), compat.running_on(mode):
        dtypes = [t.dtype for t in aten.unique_dim.default(fake, 0, True, True, True)]
    assert dtypes == [torch.int32, torch.int64, torch.int64]


def test_types_are_told() -> None:
    mode = compat.static_fake_mode()
    fake = compat.fake_copy(mode, X)
    table = {"aten::square": lambda self: self.new_empty(7)}
    for _ in range(2):
        with compat.types_are_told(table), compat.running_on(mode):
            assert aten.square.default(fake).shape == (7,)
        with compat.running_on(mode):
            assert aten.square.default(fake).shape == (2, 3)


def test_fake_quantization_has_types() -> None:
    mode = compat.static_fake_mode()
    fake = compat.fake_copy(mode, X)
    with compat.fake_quantization_has_types(), mode:
        result, mask = aten.fake_quantize_per_tensor_affine_cachemask.default(fake, 0.1, 0, 0, 255)
    assert (result.shape, result.dtype, mask.dtype) == ((2, 3), torch.float32, torch.bool)


# TorchScript.


def test_traced_graph() -> None:
    layer = torch.nn.Linear(3, 4)
    module = torch.nn.Sequential(layer)
    graph = compat.traced_graph(module, [X], [layer.weight, layer.bias])
    x, weight, bias = graph.inputs()
    (node,) = [node for node in graph.nodes() if node.kind() == "aten::linear"]
    assert list(node.inputs()) == [x, weight, bias]
    assert node.scopeName() == "__module.0"


def test_causal_masks_are_not_sought() -> None:
    layers = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(4, 1, dropout=0.0), 1, enable_nested_tensor=False
    )
    seen = []
    layers.layers[0].register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["is_causal"]), with_kwargs=True
    )
    mask = torch.nn.Transformer.generate_square_subsequent_mask(3)
    with compat.causal_masks_are_not_sought():
        layers(torch.ones(3, 1, 4), mask)
        layers(torch.ones(3, 1, 4), mask, is_causal=True)
    layers(torch.ones(3, 1, 4), mask)
    assert seen == [False, True, True]


def test_traced() -> None:
    assert "aten::relu" in str(compat.traced(torch.nn.ReLU(), (X,)).graph)


def test_is_tracing() -> None:
    seen = []

    class Module(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(compat.is_tracing())
            return x + 1

    compat.traced(Module(), (X,))
    assert seen == [True]
    assert not compat.is_tracing()


def test_loaded() -> None:
    buffer = io.BytesIO()
    torch.jit.save(compat.traced(torch.nn.ReLU(), (X,)), buffer)
    buffer.seek(0)
    torch.testing.assert_close(compat.loaded(buffer)(X), X)


def test_inlined() -> None:
    traced = compat.traced(torch.nn.Sequential(torch.nn.ReLU()), (X,))
    assert "prim::CallMethod" in str(traced.graph)
    assert "prim::CallMethod" not in str(compat.inlined(traced.graph.copy()))


def test_is_script() -> None:
    assert compat.is_script(compat.traced(torch.nn.ReLU(), (X,))._c)
    assert not compat.is_script(torch.nn.ReLU())


def dtypes_in_programs() -> Iterator[tuple[torch.dtype, int]]:
    """What TorchScript itself writes."""
    for dtype in (torch.uint8, torch.int64, torch.float16, torch.complex64, torch.bfloat16):
        traced: Any = torch.jit.trace(lambda x, dtype=dtype: x.to(dtype), (X,))
        (to,) = (node for node in traced.graph.nodes() if node.kind() == "aten::to")
        yield dtype, list(to.inputs())[1].toIValue()


def test_dtype_numbered() -> None:
    assert all(compat.dtype_numbered(number) == dtype for dtype, number in dtypes_in_programs())


def test_number_of_dtype() -> None:
    assert all(compat.number_of_dtype(dtype) == number for dtype, number in dtypes_in_programs())


def test_memory_format_numbered() -> None:
    formats = (torch.contiguous_format, torch.preserve_format, torch.channels_last)
    for memory_format in formats:
        traced: Any = torch.jit.trace(
            lambda x, memory_format=memory_format: x.clone(memory_format=memory_format),
            (torch.ones(1, 1, 1, 1),),
        )
        (clone,) = (node for node in traced.graph.nodes() if node.kind() == "aten::clone")
        number = list(clone.inputs())[1].toIValue()
        assert compat.memory_format_numbered(number) == memory_format


# Recording runs.


def test_autocast_dtype() -> None:
    assert compat.autocast_dtype() is None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert compat.autocast_dtype() == torch.bfloat16


class Asked(torch.overrides.TorchFunctionMode):
    """Notes the names of the functions that it is asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


def test_recording_environment() -> None:
    with compat.recording_environment(), Asked() as asked:
        torch.nn.functional.cross_entropy(X, X)
        torch.nn.functional.softmax(X, dim=0)
        assert torch.compiler.is_compiling()
    # What PyTorch's Python functions call is asked about, not they themselves.
    assert asked.names == ["cross_entropy_loss", "softmax"]
    assert not torch.compiler.is_compiling()


def test_runs_as_python() -> None:
    assert compat.runs_as_python(torch.nn.functional.softmax)
    assert compat.runs_as_python(torch.einsum)
    assert compat.runs_as_python(torch.Tensor.split)
    assert not compat.runs_as_python(inspect.getsource)


def test_is_of_torch_func() -> None:
    assert not compat.is_of_torch_func(aten.add.Tensor)
    assert compat.is_of_torch_func(sys.modules["torch._functorch.vmap"].lazy_load_decompositions)


def test_is_of_vmap() -> None:
    seen: list[bool] = []

    def asks(row: torch.Tensor) -> torch.Tensor:
        seen.append(compat.is_of_vmap(row))
        return row

    torch.vmap(asks)(X)
    assert seen == [True]
    assert not compat.is_of_vmap(X)


def test_is_within_vmap() -> None:
    def asks(row: torch.Tensor) -> torch.Tensor:
        row.is_contiguous(memory_format=torch.channels_last)
        return row

    with pytest.raises(RuntimeError) as caught:
        torch.vmap(asks)(torch.ones(1, 1, 1, 1, 1))
    assert compat.is_within_vmap(caught.value)
    assert not compat.is_within_vmap(None)


# Extensions.


def test_weights_replaced() -> None:
    layer = torch.nn.Linear(3, 2, bias=False)
    with compat_extending.weights_replaced(layer, {"weight": torch.zeros(2, 3)}):
        assert layer(X).abs().sum() == 0
    assert layer.weight.abs().sum() > 0


def test_while_loop() -> None:
    loop = compat_extending.while_loop()
    assert inspect.signature(loop).parameters.keys() >= {"cond_fn", "body_fn", "carried_inputs"}


def test_operators_in() -> None:
    assert "aten::add.Tensor" in compat_extending.operators_in("aten")
    assert "aten::relu" in compat_extending.operators_in("aten")
    assert compat_extending.operators_in("no_such_library") == []


def test_name_of_operator() -> None:
    name_of = compat_extending.name_of_operator
    assert name_of(aten.add.Tensor) == "aten::add.Tensor"
    assert name_of(aten.relu.default) == "aten::relu"
    assert name_of(aten.add) == "aten::add"
    assert name_of(torch.add) is None

    def double(x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    made = torch.library.custom_op("probes::double", double, mutates_args=())
    assert name_of(made) == "probes::double"


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


class Triple(torch.autograd.Function):
    @staticmethod
    def forward(x: torch.Tensor) -> torch.Tensor:
        return 3 * x

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        return None


def test_functions_applied_by() -> None:
    double = Double.apply
    seen = []

    def apply(original: Any, cls: Any, *args: Any) -> Any:
        seen.append(cls)
        return original(*args)

    with compat_extending.functions_applied_by(apply):
        torch.testing.assert_close(double(X), 2 * X)
        torch.testing.assert_close(Triple.apply(X), 3 * X)
    assert seen == [Double, Triple]
    torch.testing.assert_close(double(X), 2 * X)
    assert seen == [Double, Triple]


def test_has_setup_context() -> None:
    assert compat_extending.has_setup_context(Triple)
    assert not compat_extending.has_setup_context(Double)


def annotated_program() -> torch.export.ExportedProgram:
    class Module(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with compat_extending.annotated({"colour": "red"}):
                return x + 1

    with compat_extending.keeps_annotations():
        return torch.export.export(Module(), (X,), strict=False)


def annotations_in(program: torch.export.ExportedProgram) -> list[Any]:
    return [
        compat_extending.annotations_of(node.meta)
        for node in program.graph.nodes
        if node.target is aten.add.Tensor
    ]


@since("2.10", "nodes carry no annotations before")
def test_annotated() -> None:
    assert annotations_in(annotated_program()) == [(("colour", "red"),)]


@since("2.10", "nodes carry no annotations before")
def test_keeps_annotations() -> None:
    with compat_extending.keeps_annotations():
        pass
    assert annotations_in(annotated_program()) == [(("colour", "red"),)]


def test_annotations_of() -> None:
    assert compat_extending.annotations_of({}) == ()
    meta = {"custom": {f"{compat_extending.ANNOTATION}a": "b", "other": 1}}
    assert compat_extending.annotations_of(meta) == (("a", "b"),)


def test_library() -> None:
    made = compat_extending.library("probes")
    made.define("one(Tensor x) -> Tensor")
    assert "probes::one" in compat_extending.operators_in("probes")
    made._destroy()


def test_fake_kernel() -> None:
    owner = compat_extending.library("probes")
    owner.define("tall(Tensor x) -> Tensor")
    mode = compat.static_fake_mode()
    fake = compat.fake_copy(mode, X)
    for _ in range(2):
        with compat_extending.fake_kernel("probes::tall", lambda x: x.new_empty(9)), mode:
            assert torch.ops.probes.tall.default(fake).shape == (9,)
    with mode, pytest.raises((RuntimeError, NotImplementedError)):
        torch.ops.probes.tall.default(fake)
    owner._destroy()


def test_is_capturing() -> None:
    seen = []

    class Module(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(compat_extending.is_capturing())
            return x + 1

    torch.export.export(Module(), (X,), strict=False)
    compat.traced(Module(), (X,))
    Module()(X)
    assert (seen[0], seen[-2], seen[-1]) == (True, True, False)


def test_version_of() -> None:
    x = torch.ones(2)
    before = compat_extending.version_of(x)
    x.add_(1)
    assert compat_extending.version_of(x) == before + 1
    with torch.inference_mode():
        assert compat_extending.version_of(torch.ones(2)) == 0


def test_associative_scans_are_scans() -> None:
    module: Any = importlib.import_module("torch._higher_order_ops.associative_scan")
    importlib.import_module("torch._higher_order_ops.scan")
    original = module.generic_associative_scan
    with compat_extending.associative_scans_are_scans():
        assert module.generic_associative_scan is not original
    assert module.generic_associative_scan is original


def test_compiled_functions_are_python() -> None:
    compiled = torch.compile(lambda x: x + 1, backend="eager")
    with compat_extending.compiled_functions_are_python():
        torch.testing.assert_close(compiled(X), X + 1)
