"""Users' translations and custom domains: registered, layered, undone, checked, verified."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import onnx_ir as ir
import pytest
import torch

import torch_onnx
from torch_onnx import errors
from torch_onnx.capture.binding import operator_named

X = torch.randn(3, 4)
ROWS = {"x": {0: "rows"}}


@torch.library.custom_op("extend_tests::rotate", mutates_args=())
def rotate(
    x: torch.Tensor, angle: float, center: torch.Tensor | None = None, mode: str = "linear"
) -> torch.Tensor:
    return x * angle


@rotate.register_fake
def _(
    x: torch.Tensor, angle: float, center: torch.Tensor | None = None, mode: str = "linear"
) -> torch.Tensor:
    return torch.empty_like(x)


@torch.library.custom_op("extend_tests::halves", mutates_args=())
def halves(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x[:, : x.shape[1] // 2].clone(), (x[:, x.shape[1] // 2 :] * 2).long()


@halves.register_fake
def _(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    half = x.shape[1] // 2
    return x.new_empty(x.shape[0], half), x.new_empty(x.shape[0], half, dtype=torch.int64)


class Rotates(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.extend_tests.rotate(x.relu(), 3.0) + 1


class Halves(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = torch.ops.extend_tests.halves(x)
        return a + b


def by_mul(g: Any, x: Any, angle: float, center: Any = None, mode: str = "linear") -> Any:
    return g.Mul(x, angle)


def by_node(g: Any, x: Any, angle: float, center: Any = None, mode: str = "linear") -> Any:
    return g.op("com.acme::Rotate", x, center, angle=angle, mode=mode, version=3)


@pytest.fixture(autouse=True)
def _nothing_stays_registered() -> Iterator[None]:
    yield
    for name in ("extend_tests::rotate", "aten::relu"):
        try:
            torch_onnx.remove_op(name)
        except KeyError:
            continue


def kinds(program: torch_onnx.ONNXProgram) -> list[str]:
    return [f"{n.domain}::{n.op_type}".removeprefix("::") for n in program.model.graph]


def exported(model: torch.nn.Module, **options: Any) -> torch_onnx.ONNXProgram:
    return torch_onnx.export(model, (X,), dynamic_shapes=ROWS, **options)


@pytest.mark.parametrize("strategy", ["record", "export", "trace"])
def test_registered_for_all_exports_until_removed(strategy: str) -> None:
    torch_onnx.op("extend_tests::rotate")(by_mul)
    program = exported(Rotates(), strategy=strategy, verify=True)
    assert kinds(program) == ["Relu", "Mul", "Add"]
    assert not program.verify(torch.randn(5, 4)).mismatches
    torch_onnx.remove_op(rotate)
    with pytest.raises(errors.UnsupportedOperators, match="extend_tests::rotate"):
        exported(Rotates(), strategy=strategy)
    with pytest.raises(KeyError, match="no translation of extend_tests::rotate is registered"):
        torch_onnx.remove_op(rotate)


def test_a_built_in_translation_is_overridden_and_comes_back() -> None:
    def clipped(g: Any, self: Any) -> Any:
        return g.Clip(self, min=0.0)

    torch_onnx.op("extend_tests::rotate")(by_mul)
    torch_onnx.op("relu", opset=13)(clipped)
    assert kinds(exported(Rotates(), verify=True))[0] == "Clip"
    assert kinds(exported(Rotates(), opset_version=12))[0] == "Relu"
    torch_onnx.remove_op("relu", opset=13)
    assert kinds(exported(Rotates()))[0] == "Relu"


def test_the_nearest_table_wins() -> None:
    def identity(g: Any, x: Any, angle: float, center: Any = None, mode: str = "") -> Any:
        return g.Neg(x)

    torch_onnx.op(rotate)(by_node)
    table = {torch.ops.extend_tests.rotate: by_mul}
    with torch_onnx.translations({"extend_tests::rotate": identity}):
        assert kinds(exported(Rotates()))[1] == "Neg"
        assert kinds(exported(Rotates(), custom_translation_table=table))[1] == "Mul"
        with torch_onnx.translations(table):
            assert kinds(exported(Rotates()))[1] == "Mul"
        assert kinds(exported(Rotates()))[1] == "Neg"
    assert kinds(exported(Rotates()))[1] == "com.acme::Rotate"


@pytest.mark.parametrize(
    ("name", "function", "problem"),
    [
        (
            "extend_tests::rotat",
            by_mul,
            "extend_tests::rotat: PyTorch has no such operator; near it are extend_tests::rotate",
        ),
        (
            "aten::add.tensor",
            by_mul,
            "aten::add.tensor: PyTorch has no such overload; it has "
            + ", ".join(
                f"aten::add.{o}".removesuffix(".default") for o in torch.ops.aten.add.overloads()
            ),
        ),
        (
            "not_loaded::anything",
            by_mul,
            "not_loaded::anything: no library with the operators not_loaded:: is loaded",
        ),
        (
            "extend_tests::rotate",
            lambda g, x, angel: x,
            "extend_tests::rotate: <lambda>() takes 'angel', the operator has x, angle, center, "
            "mode (g, the builder, comes first)\n"
            "  extend_tests::rotate: <lambda>() does not take 'angle', which every call has",
        ),
        (
            "extend_tests::rotate",
            lambda: None,
            "extend_tests::rotate: <lambda>() takes no arguments; its first is the builder g",
        ),
    ],
)
def test_what_does_not_fit_is_told(name: str, function: Any, problem: str) -> None:
    with pytest.raises(errors.TranslationError) as caught:
        exported(Rotates(), custom_translation_table={name: function})
    assert str(caught.value) == (
        f"The translations of custom_translation_table do not fit PyTorch's operators:\n  {problem}"
    )


def test_a_result_of_other_rank_is_refused() -> None:
    def total(g: Any, x: Any, angle: float) -> Any:
        return g.ReduceSum(x, keepdims=0)

    with pytest.raises(errors.UnsupportedOperators, match="gives 0 axes, PyTorch 2"):
        exported(Rotates(), custom_translation_table={"extend_tests::rotate": total})


def test_values_of_two_dtypes_are_refused_where_onnx_takes_one() -> None:
    def mixed(g: Any, x: Any, angle: float) -> Any:
        return g.Where(g.Greater(x, g.like(0, x)), g.constant(False), x)

    with pytest.raises(errors.UnsupportedOperators, match=r"not torch\.bool and torch\.float32"):
        exported(Rotates(), custom_translation_table={"extend_tests::rotate": mixed})


def test_a_registration_of_a_library_that_is_not_loaded_waits() -> None:
    torch_onnx.op("not_loaded::anything")(by_mul)
    torch_onnx.remove_op("not_loaded::anything")
    with pytest.raises(errors.TranslationError, match="near it are aten::relu"):
        torch_onnx.op("aten::relux")(by_mul)


LIBRARY = torch.library.Library("extend_tests_cpp", "FRAGMENT")  # as TORCH_LIBRARY does in C++
LIBRARY.define("pick(Tensor x, *, int k=2) -> Tensor[]")
LIBRARY.impl("pick", lambda x, *, k=2: [row.clone() for row in x.unbind()[:k]], "CPU")


class Picks(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b, c = torch.ops.extend_tests_cpp.pick(x * 2, k=3)
        return a + b + c


@pytest.mark.parametrize("strategy", ["record", "export", "trace"])
def test_operators_of_libraries_without_fake_kernels(strategy: str) -> None:
    def types(x: torch.Tensor, *, k: int = 2) -> list[torch.Tensor]:
        return [x.new_empty(x.shape[1:]) for _ in range(k)]

    def pick(g: Any, x: Any, k: int) -> Any:
        return list(g.op("com.acme::Pick", x, k=k, outputs=k))

    torch_onnx.op("extend_tests_cpp::pick", fake=types)(pick)
    try:
        program = torch_onnx.export(
            Picks(), (X,), dynamic_shapes={"x": {1: "columns"}}, strategy=strategy
        )
    finally:
        torch_onnx.remove_op("extend_tests_cpp::pick")
    reference = {"com.acme::Pick": lambda x, k: tuple(x[:k])}
    assert not program.verify(torch.randn(3, 7), reference_ops=reference).mismatches
    output = program.model_proto.graph.output[0].type.tensor_type
    assert output.shape.dim[0].dim_param == "columns"


# Custom domains.


@pytest.mark.parametrize("strategy", ["record", "export", "trace"])
def test_a_custom_node_has_its_types_from_pytorch(strategy: str) -> None:
    table = {"extend_tests::halves": lambda g, x: g.op("com.acme::Halves", x, outputs=2)}
    program = exported(
        Halves(), strategy=strategy, custom_translation_table=table, custom_opsets={"com.acme": 7}
    )
    proto = program.model_proto
    assert {o.domain: o.version for o in proto.opset_import}["com.acme"] == 7
    types = {v.name: v.type.tensor_type for v in proto.graph.value_info}
    first, second = types["/Halves_output_0"], types["/Halves_output_1"]
    assert (first.elem_type, second.elem_type) == (1, 7)
    assert [d.dim_param or d.dim_value for d in second.shape.dim] == ["rows", 2]

    def run(x: torch.Tensor) -> Any:
        return x[:, :2], (x[:, 2:] * 2).long()

    assert not program.verify(reference_ops={"com.acme::Halves": run}).mismatches
    with pytest.raises(errors.VerificationError):
        program.verify(reference_ops={"com.acme::Halves": lambda x: (x[:, 2:], x[:, 2:].long())})


def test_attributes_of_all_types() -> None:
    def all_types(g: Any, x: Any, angle: float, center: Any = None, mode: str = "linear") -> Any:
        body = g.subgraph(lambda a: g.Add(a, x), x)
        return g.op(
            "com.acme::Any", x, None, 2.0, [1, 2],
            i=1, f=0.5, s="text", b=True, t=torch.tensor([1.0]), d=torch.float16, g=body,
            ints=[1, 2], floats=[1, 0.5], strings=["a", "b"], tensors=[torch.ones(1)],
            graphs=[g.subgraph(lambda a: g.Neg(a), x)], nothing=None,
            no_floats=ir.AttrFloat32s("no_floats", []),
            attributes={"lambda": 1},
        )  # fmt: skip

    program = exported(Rotates(), custom_translation_table={rotate: all_types})
    node = program.model_proto.graph.node[1]
    assert list(node.input) == ["/Relu_output_0", "", "float32_2", "int64s_1_2"]
    found = {a.name: a.AttributeType.Name(a.type) for a in node.attribute}
    assert found == {
        "i": "INT", "f": "FLOAT", "s": "STRING", "b": "INT", "t": "TENSOR", "d": "INT",
        "g": "GRAPH", "ints": "INTS", "floats": "FLOATS", "strings": "STRINGS",
        "tensors": "TENSORS", "graphs": "GRAPHS", "no_floats": "FLOATS", "lambda": "INT",
    }  # fmt: skip
    graph = next(a for a in node.attribute if a.name == "g").g
    assert list(graph.node[0].input) == [graph.input[0].name, "/Relu_output_0"]


def test_a_type_that_nobody_tells_is_not_written() -> None:
    def steps(g: Any, x: Any, angle: float, center: Any = None, mode: str = "") -> Any:
        unknown = g.op("com.acme::Quantize", x)
        unknown = g.Neg(unknown)
        known = g.op("com.acme::Scale", unknown, dtype=torch.int8, shape=(x.shape[0], 1))
        cast = g.Cast(unknown, to=torch.float32)  # the guess is float32 too, and may be wrong
        return g.op("com.acme::Dequantize", cast, known)

    proto = exported(Rotates(), custom_translation_table={rotate: steps}).model_proto
    made = {name for node in proto.graph.node for name in node.output}
    info = {v.name: v.type.tensor_type.elem_type for v in proto.graph.value_info}
    assert {name: kind for name, kind in info.items() if name in made} == {
        "/Relu_output_0": 1, "/Scale_output_0": 3, "/Cast_output_0": 1, "/Dequantize_output_0": 1,
    }  # fmt: skip


def test_contrib_operators_run_in_onnx_runtime() -> None:
    class Biased(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = torch.nn.Parameter(torch.randn(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.gelu(x + self.bias)

    table = {"gelu": lambda g, self, approximate="none": g.op("com.microsoft::Gelu", self)}
    program = exported(Biased(), custom_translation_table=table, verify=True)
    assert kinds(program) == ["Add", "com.microsoft::Gelu"]


def test_onnxscript_functions_become_functions_of_the_model() -> None:
    onnxscript = pytest.importorskip("onnxscript")
    op = onnxscript.opset20

    @onnxscript.script(onnxscript.values.Opset("com.acme", 1))
    def scaled(x: Any, angle: float) -> Any:
        return op.Mul(x, op.Constant(value_float=angle))

    for opset in (18, 20):
        program = exported(
            Rotates(), custom_translation_table={rotate: scaled}, opset_version=opset, verify=True
        )
        assert kinds(program)[1] == "com.acme::scaled"
    assert "onnxscript" in sys.modules


def multiplied_by(factor: float) -> Any:
    return lambda g, x: g.Mul(x, g.like(factor, x))


def test_operators_may_be_defined_anew() -> None:
    """As a notebook's cell does that is run again. PyTorch crashes where a former one is called."""
    for factor in (2.0, 3.0):
        library = torch.library.Library("defined_anew", "FRAGMENT")
        library.define("scaled(Tensor x) -> Tensor")
        library.impl("scaled", lambda x, by=factor: x * by, "CompositeExplicitAutograd")
        operator = torch.ops.defined_anew.scaled.default
        found = operator_named("defined_anew::scaled")
        assert found is not None
        assert found.target is operator
        program = torch_onnx.export(
            lambda x: torch.ops.defined_anew.scaled(x),
            (torch.ones(2),),
            strategy="trace",
            custom_translation_table={operator: multiplied_by(factor)},
        )
        assert program(torch.ones(2))[0].tolist() == [factor, factor]
        library._destroy()
