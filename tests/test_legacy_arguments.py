"""Calls written for torch.onnx.export, from PyTorch 1.13 to 2.15."""

from __future__ import annotations

import enum
import inspect
import io
import warnings
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

import torch_onnx
from torch_onnx import errors, older_calls

X = torch.randn(2, 4)


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(4, 8), torch.nn.Linear(8, 3)
        self.norm = torch.nn.BatchNorm1d(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.norm(self.first(x)).relu())


class TrainingMode(enum.Enum):
    """As torch.onnx has it."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class OperatorExportTypes(enum.Enum):
    """As torch.onnx has it."""

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3


# By argument: torch.onnx's default, another value, and what the answer to that says where it has
# no effect.
PYTORCH_1_13: dict[str, tuple[Any, Any, str | None]] = {
    "export_params": (True, False, None),
    "verbose": (False, True, None),
    "training": (TrainingMode.EVAL, TrainingMode.PRESERVE, None),
    "input_names": (None, ["a"], None),
    "output_names": (None, ["b"], None),
    "operator_export_type": (
        OperatorExportTypes.ONNX,
        OperatorExportTypes.ONNX_FALLTHROUGH,
        None,
    ),
    "opset_version": (None, 16, None),
    "do_constant_folding": (True, False, "optimize=False"),
    "dynamic_axes": (None, {"x": {0: "batch"}}, None),
    "keep_initializers_as_inputs": (None, True, None),
    "custom_opsets": (None, {"com.acme": 2}, None),
    "export_modules_as_functions": (
        False,
        {torch.nn.Linear},
        None if "functions" in inspect.signature(torch_onnx.export).parameters else "functions",
    ),
}
PYTORCH_2_15: dict[str, tuple[Any, Any, str | None]] = {
    **PYTORCH_1_13,
    "kwargs": (None, {}, None),
    "verbose": (None, True, None),
    "dynamo": (True, False, None),
    "external_data": (True, False, None),
    "dynamic_shapes": (None, {"x": {0: "batch"}}, None),
    "custom_translation_table": (None, {}, None),
    "report": (False, True, None),
    "optimize": (True, False, None),
    "verify": (False, True, None),
    "profile": (False, True, None),
    "dump_exported_program": (False, True, "program.exported_program"),
    "artifacts_dir": (".", "somewhere", "no artifacts"),
    "keep_initializers_as_inputs": (False, True, None),
    "autograd_inlining": (True, False, "others are inlined"),
}
OTHERS: dict[str, tuple[Any, Any, str | None]] = {
    "fallback": (False, True, "falls back"),
    "enable_onnx_checker": (True, False, None),
    "use_external_data_format": (False, True, None),
    "strip_doc_string": (True, False, "metadata="),
    "example_outputs": (None, X, "the capture"),
    "_retain_param_name": (True, False, "keep their names"),
    "aten": (False, True, None),
    "export_raw_ir": (False, True, "exported_program"),
}
ROWS = [
    pytest.param(name, *row, id=f"{release}-{name}")
    for release, rows in (("1.13", PYTORCH_1_13), ("2.15", PYTORCH_2_15), ("others", OTHERS))
    for name, row in rows.items()
]


def told(path: Path, **arguments: Any) -> list[str]:
    """What the export says."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        torch_onnx.export(Net().eval(), (X,), path, **arguments)
    assert all(w.filename == __file__ for w in found if issubclass(w.category, UserWarning))
    return [str(warning.message) for warning in found]


@pytest.mark.parametrize(("name", "default", "other", "answer"), ROWS)
def test_every_argument_is_honoured_or_answered(
    name: str, default: Any, other: Any, answer: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "m.onnx"
    # A trace is the fastest; dynamo= says so itself.
    fast = {} if name == "dynamo" else {"strategy": "trace"}
    assert not any("no effect" in text for text in told(path, **{name: default}, **fast))
    said = [text for text in told(path, **{name: other}, **fast) if "no effect" in text]
    if answer is None:
        assert not said
        # What is honoured is read by the export itself, or has another name there.
        known = inspect.signature(torch_onnx.export).parameters
        named = {"functions"} if "functions" in name else older_calls.today({name: other}).keys()
        assert name in known or named <= known.keys()
    else:
        (text,) = said
        assert name in text
        assert answer in text


def test_arguments_by_position_as_up_to_pytorch_2_4(tmp_path: Path) -> None:
    path = str(tmp_path / "m.onnx")
    axes = {"in": {0: "batch"}}
    program = torch_onnx.export(
        Net(), X, path, True, False, TrainingMode.EVAL, ["in"], ["out"], None, 15, True, axes, True
    )
    assert program.input_names == ["in"]
    proto = onnx.load(path)
    assert proto.opset_import[0].version == 15
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert len(proto.graph.input) > 1
    with pytest.raises(TypeError, match="multiple values for argument 'export_params'"):
        torch_onnx.export(Net(), X, None, True, export_params=True)
    with pytest.raises(TypeError, match="at most 16 arguments"):
        torch_onnx.export(Net(), X, *[None] * 20)


class Moded(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.exp() if self.training else x
        return x.tanh() if self.inner.training else x


def operators(model: torch.nn.Module, **arguments: Any) -> list[str]:
    return [node.op_type for node in torch_onnx.export(model, (X,), **arguments).model.graph]


@pytest.mark.parametrize("given", [TrainingMode.TRAINING, 2, "TRAINING", "train"])
def test_training_modes_by_member_number_and_name(given: Any) -> None:
    model = Moded().eval()
    assert operators(model, training=given) == ["Exp", "Tanh"]
    assert not model.training
    assert not model.inner.training


@pytest.mark.parametrize("given", [TrainingMode.PRESERVE, 1, "preserve"])
def test_preserved_modes_are_those_of_each_module(given: Any) -> None:
    model = Moded().train()
    model.inner.eval()
    assert operators(model, training=given) == ["Exp"]
    assert operators(model, training=TrainingMode.EVAL) == ["Identity"]
    assert model.training


@pytest.mark.parametrize("argument", ["training", "operator_export_type"])
@pytest.mark.parametrize("value", ["sometimes", 7, True])
def test_unknown_members_are_refused(argument: str, value: Any) -> None:
    with pytest.raises(errors.ExportError, match=f"{argument}="):
        torch_onnx.export(Net(), (X,), **{argument: value})


def test_dynamo_false_traces() -> None:
    program = torch_onnx.export(Net(), (X,), dynamo=False)
    assert program.exported_program is None
    with pytest.warns(UserWarning, match="strategy= chooses"):
        torch_onnx.export(Net(), (X,), dynamo=False, strategy="export")


def test_versions_of_domains_that_are_not_used() -> None:
    with pytest.warns(UserWarning, match=r"custom_opsets names com\.acme"):
        torch_onnx.export(Net(), (X,), custom_opsets={"com.acme": 2})


# Operators without a translation.


@pytest.fixture
def library() -> Any:
    made = torch.library.Library("legacy_test", "FRAGMENT")
    made.define("scaled(Tensor x, Tensor? y, float by, int[] axes, str how='up') -> Tensor")
    made.define("halves(Tensor x) -> (Tensor, Tensor)")
    made.impl("scaled", lambda x, y, by, axes, how="up": x * by, "CompositeExplicitAutograd")
    made.impl("halves", lambda x: (x * 1, x * 2), "CompositeExplicitAutograd")
    yield made
    made._destroy()


class Custom(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> Any:
        y = torch.ops.legacy_test.scaled(x.relu(), None, 2.5, [0, 1])
        a, b = torch.ops.legacy_test.halves(y)
        return a + b


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


@pytest.mark.parametrize("strategy", ["export", "trace"])
def test_operators_fall_through_to_their_own_domain(library: Any, strategy: str) -> None:
    with pytest.raises(errors.UnsupportedOperators, match="legacy_test::scaled"):
        torch_onnx.export(Custom(), (X,), strategy=strategy)
    program = torch_onnx.export(
        Custom(),
        (X,),
        strategy=strategy,
        operator_export_type=OperatorExportTypes.ONNX_FALLTHROUGH,
        custom_opsets={"legacy_test": 3},
    )
    proto = program.model_proto
    onnx.checker.check_model(proto)
    relu, scaled, halves, add = proto.graph.node
    assert [relu.op_type, add.op_type] == ["Relu", "Add"]
    assert (scaled.domain, scaled.op_type) == ("legacy_test", "scaled")
    assert attributes(scaled) == {"by": 2.5, "axes": [0, 1], "how": b"up"}
    assert len(halves.output) == 2
    assert {o.domain: o.version for o in proto.opset_import}["legacy_test"] == 3


@pytest.mark.parametrize("strategy", ["export", "trace"])
def test_operators_fall_back_to_aten(library: Any, strategy: str) -> None:
    kind = OperatorExportTypes.ONNX_ATEN_FALLBACK
    program = torch_onnx.export(Custom(), (X,), strategy=strategy, operator_export_type=kind)
    relu, scaled, halves, _ = program.model_proto.graph.node
    assert relu.op_type == "Relu"
    assert (scaled.domain, scaled.op_type) == ("org.pytorch.aten", "ATen")
    assert attributes(scaled)["operator"] == b"legacy_test::scaled"
    assert list(scaled.input)[1] == ""
    assert attributes(halves)["overload_name"] == b""


def test_all_operators_as_aten() -> None:
    program = torch_onnx.export(Net(), (X,), operator_export_type=1, dynamo=False)
    operators = [attributes(node)["operator"] for node in program.model_proto.graph.node]
    assert operators[0] == b"linear"
    assert operators[-1] == b"linear"


# Names of weights.


@pytest.mark.parametrize("strategy", ["export", "trace", "script"])
def test_names_beyond_the_inputs_are_those_of_weights(strategy: str) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 3))
    names = ["x", "first_weight", "1.weight", "second_weight"]
    program = torch_onnx.export(
        net, (X,), strategy=strategy, input_names=names, keep_initializers_as_inputs=True
    )
    held = {t.name: t for t in program.model_proto.graph.initializer}
    assert set(held) == {"first_weight", "1.weight", "second_weight", "1.bias"}
    # The second is named like another was, whose name it takes.
    first_bias = onnx.numpy_helper.to_array(held["1.weight"])
    assert torch.equal(torch.from_numpy(first_bias.copy()), net[0].bias.detach())
    torch.testing.assert_close(program(X)[0], net(X).detach())
    other = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 3))
    program.apply_weights(other.state_dict())
    torch.testing.assert_close(program(X)[0], other(X).detach())


def test_weights_of_an_exported_program_are_named_too() -> None:
    exported = torch.export.export(torch.nn.Linear(4, 3).eval(), (X,))
    program = torch_onnx.export(exported, input_names=["x", "kernel", "offset"])
    held = {tensor.name for tensor in program.model_proto.graph.initializer}
    assert held == {"kernel", "offset"}


def test_too_many_and_taken_names_of_weights() -> None:
    net = torch.nn.Linear(4, 3)
    with pytest.raises(errors.SignatureError, match="input_names has 4 names"):
        torch_onnx.export(net, (X,), input_names=["x", "a", "b", "c"])
    with pytest.raises(errors.SignatureError, match="'output' is in input_names"):
        torch_onnx.export(net, (X,), input_names=["x", "output"])


def test_the_checker_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[onnx.ModelProto] = []
    monkeypatch.setattr(onnx.checker, "check_model", checked.append)
    torch_onnx.export(Net(), (X,), enable_onnx_checker=True)
    assert len(checked) == 1


def test_a_binary_file_takes_the_model() -> None:
    buffer = io.BytesIO()
    torch_onnx.export(Net().eval(), X, buffer, dynamo=False)
    onnx.checker.check_model(onnx.load_model_from_string(buffer.getvalue()))
