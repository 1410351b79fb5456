"""The public call: names, structures, dynamic dims, files, and what users get wrong."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch

import torch_onnx
from releases import since
from torch_onnx import errors


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.inner(x)).reshape(x.shape[0], -1) + x.shape[0]


X = torch.randn(2, 4)
DYNAMIC = {"x": {0: "batch"}}


@dataclasses.dataclass
class State:
    hidden: torch.Tensor
    step: int = 1
    mask: torch.Tensor | None = None


class Stateful(torch.nn.Module):
    def forward(self, state: State, extra: dict[str, Any]) -> dict[str, Any]:
        hidden = state.hidden + extra["bias"][0] * state.step
        return {"state": State(hidden, state.step + 1), "rows": hidden.shape[0]}


def test_structures_go_in_and_come_out_under_readable_names() -> None:
    example = (State(X), {"bias": [torch.ones(4)]})
    program = torch_onnx.export(
        Stateful(), example, dynamic_shapes=({"hidden": {0: "n"}}, None), verify=True
    )
    assert program.input_names == ["state.hidden", "extra.bias.0"]
    assert program.output_names == ["state.hidden.out", "state.step", "rows"]
    hidden, step, rows = program(State(torch.ones(5, 4)), {"bias": [torch.ones(4)]})
    torch.testing.assert_close(hidden, torch.full((5, 4), 2.0))
    assert (step.item(), rows.item()) == (2, 5)


def test_an_example_size_of_one_stays_dynamic() -> None:
    program = torch_onnx.export(Net(), (X[:1],), dynamic_shapes=DYNAMIC)
    assert str(program.model.graph.inputs[0].shape) == "[batch,4]"
    for rows in (1, 3):
        assert not program.verify(torch.randn(rows, 4)).mismatches


def test_names_of_the_user_survive() -> None:
    program = torch_onnx.export(
        Net(), (X,), input_names=["data"], output_names=["scores"],
        dynamic_axes={"data": {0: "rows"}, "scores": {0: "items"}},
    )  # fmt: skip
    proto = program.model_proto
    assert [i.name for i in proto.graph.input] == ["data"]
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "rows"
    assert proto.graph.output[0].type.tensor_type.shape.dim[0].dim_param == "items"


def test_dynamic_axes_of_what_the_model_does_not_have_are_told() -> None:
    axes = {"x": {0: "rows"}, "input_1": {0: "rows"}, "output_1": [0, 1]}
    with pytest.warns(errors.ModelNotes, match="has no input or output 'output_1'"):
        program = torch_onnx.export(
            torch.nn.ReLU(), (torch.ones(2, 3),), input_names=["x"], dynamic_axes=axes
        )
    assert program.notes[0] == (
        "has no input or output 'input_1', which dynamic_axes names: "
        "the inputs are x and the outputs output"
    )
    program.verify(torch.ones(4, 3))


def test_nodes_and_weights_are_named_after_modules() -> None:
    program = torch_onnx.export(Net(), (X,))
    node = next(n for n in program.model.graph if n.name.startswith("/inner/"))
    assert node.metadata_props["torch_onnx.module"] == "inner"
    last = list(program.model.graph)[-1]
    assert "test_export.py" in last.metadata_props["torch_onnx.source"]
    assert str(Path(__file__).parent) not in str(program.model_proto)
    assert {"inner.weight", "inner.bias"} <= set(program.model.graph.initializers)
    bare = torch_onnx.export(Net(), (X,), metadata=False)
    assert not any(n.metadata_props for n in bare.model.graph)


def test_tied_weights_are_stored_once(tmp_path: Path) -> None:
    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(500, 64)
            self.head = torch.nn.Linear(64, 500, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.head(self.embed(ids))

    path = tmp_path / "tied.onnx"
    torch_onnx.export(Tied(), (torch.arange(6).reshape(2, 3),), path, verify=True)
    assert path.stat().st_size < 1.1 * 500 * 64 * 4


@pytest.mark.parametrize("opset", [11, 12, 13, 15, 17, 19, 21, 24, 26, 27, 28])
def test_every_opset_loads(opset: int) -> None:
    program = torch_onnx.export(
        Net(), (X,), opset_version=opset, dynamic_shapes=DYNAMIC, verify=True
    )
    assert program.model.opset_imports[""] == opset
    onnx.checker.check_model(program.model_proto, full_check=True)


def test_same_program_same_bytes() -> None:
    net, files = Net(), (io.BytesIO(), io.BytesIO())
    for file in files:
        torch_onnx.export(net, (X,), file, dynamic_shapes=DYNAMIC)
    assert files[0].getvalue() == files[1].getvalue()


def test_exported_programs_and_functions() -> None:
    exported = torch.export.export(Net(), (X,))
    assert not torch_onnx.export(exported).verify().mismatches

    def double(x: torch.Tensor) -> torch.Tensor:
        return x + x

    assert not torch_onnx.export(double, X, verify=True).verification.mismatches  # type: ignore[union-attr]


def test_weights_can_be_inputs_or_left_out(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    torch_onnx.export(Net(), (X,), path, keep_initializers_as_inputs=True)
    names = {i.name for i in onnx.load(path).graph.input}
    assert {"x", "inner.weight", "inner.bias"} <= names
    net = Net()
    torch_onnx.export(net, (X,), path, export_params=False, optimize=False)
    session = onnxruntime.InferenceSession(path)
    given = {"x": X.numpy()} | {f"{k}": v.numpy() for k, v in net.state_dict().items()}
    (actual,) = session.run(None, given)
    torch.testing.assert_close(torch.from_numpy(actual), net(X).detach())


def test_weights_are_applied_by_key() -> None:
    with torch.device("meta"):
        empty = Net()
    real = Net()
    program = torch_onnx.export(empty, (torch.empty(2, 4, device="meta"),))
    with pytest.raises(errors.MissingWeights, match=r"inner\.weight"):
        program.save(io.BytesIO())
    program.apply_weights(real.state_dict())
    torch.testing.assert_close(program(X)[0], real(X).detach())
    with pytest.raises(errors.InputError, match="no weights called nothing"):
        program.apply_weights({"nothing": X})
    with pytest.warns(errors.ModelNotes, match="no weights called counter"):
        program.apply_weights({**real.state_dict(), "counter": X})


def test_training_mode_is_given_back() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.9))
    net[0].eval()
    torch_onnx.export(net, (X,), verify=True)
    assert [net.training, net[0].training, net[1].training] == [True, False, True]


@pytest.mark.parametrize(
    ("argument", "advice"),
    [
        ({"dynamo": True, "strategy": "export"}, "strategy= chooses"),
        ({"do_constant_folding": False}, "optimize=False"),
        ({"dump_exported_program": True}, "program.exported_program"),
    ],
)
def test_arguments_without_meaning_are_answered(argument: dict[str, Any], advice: str) -> None:
    with pytest.warns(UserWarning, match=advice):
        torch_onnx.export(Net(), (X,), **argument)


def test_unknown_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'opset'"):
        torch_onnx.export(Net(), (X,), opset=17)


@pytest.mark.parametrize("opset", [10, 29, "17", True])
def test_unknown_opsets(opset: Any) -> None:
    with pytest.raises(errors.UnknownOpset, match="choose one from 11 to 28"):
        torch_onnx.export(Net(), (X,), opset_version=opset)


def test_a_fixed_dimension_names_the_line(tmp_path: Path) -> None:
    class Fixed(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if x.shape[0] == 2:
                return x + 1
            return x

    path = tmp_path / "m.onnx"
    path.write_bytes(b"old")
    with pytest.raises(errors.DimensionSpecialized) as caught:
        torch_onnx.export(Fixed(), (X,), path, dynamic_shapes=DYNAMIC)
    assert str(caught.value).splitlines()[:3] == [
        "1 dimension can't stay dynamic:",
        "  x, axis 0 ('batch'): the model fixes it to 2",
        "    because it needs batch == 2",
    ]
    assert "if x.shape[0] == 2:" in str(caught.value)
    assert path.read_bytes() == b"old"


def test_all_unsupported_calls_are_listed_at_once() -> None:
    @torch.library.custom_op("torch_onnx_tests::one", mutates_args=())
    def one(x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    one.register_fake(torch.empty_like)

    @torch.library.custom_op("torch_onnx_tests::two", mutates_args=())
    def two(x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    two.register_fake(torch.empty_like)

    class Custom(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return two(one(x)) + one(x)

    with pytest.raises(errors.UnsupportedOperators) as caught:
        torch_onnx.export(Custom(), (X,), dynamic_shapes=DYNAMIC)
    first, *rows = str(caught.value).splitlines()
    assert first == "2 operators have no translation at opset 20"
    assert "torch_onnx_tests::one  2 calls  f32[batch, 4]  (model)  test_export.py:" in rows[0]
    assert "return two(one(x)) + one(x)" in rows[1]
    assert len(rows) == 3

    table = torch_onnx.OpTable("tests")

    @table("torch_onnx_tests::one", "torch_onnx_tests::two")
    def same(g: Any, x: Any) -> Any:
        return g.Identity(x)

    torch_onnx.export(Custom(), (X,), custom_translation_table=table, verify=True)


def test_an_error_in_forward_shows_the_line() -> None:
    class Broken(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ torch.ones(3, 3)

    with pytest.raises(errors.CaptureError) as caught:
        torch_onnx.export(Broken(), (X,))
    assert "return x @ torch.ones(3, 3)" in str(caught.value)
    assert caught.value.__cause__ is not None


def test_paths_are_checked_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(errors.CannotWrite, match="does not exist"):
        torch_onnx.export(None, (X,), tmp_path / "none" / "m.onnx")


def test_wrong_arguments_and_models() -> None:
    with pytest.raises(errors.InputError, match=r"Net\.forward: missing a required argument: 'x'"):
        torch_onnx.export(Net(), ())
    with pytest.raises(errors.InputError, match="model is of type int"):
        torch_onnx.export(3, (X,))  # type: ignore[arg-type]


def test_bounds_that_the_model_sets_are_told() -> None:
    class Branching(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if x.shape[0] > 16:
                return x - 1
            return x + 1

    with pytest.warns(
        errors.ModelNotes, match="where batch <= 16, which is decided at test_export"
    ):
        torch_onnx.export(Branching(), (X,), dynamic_shapes=DYNAMIC)


def test_branches_on_sizes_are_told() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        return x - 1 if x.shape[0] * x.shape[1] % 3 == 0 else x + 1

    dynamic = {"x": {0: "batch", 1: "width"}}
    with pytest.warns(errors.ModelNotes) as told:
        torch_onnx.export(model, (torch.ones(6, 7),), dynamic_shapes=dynamic)
    assert re.search(
        r"where \(batch\*width % 3\) == 0, which is decided at test_export\.py:\d+: return x - 1",
        str(told[0].message),
    )


def test_sizes_that_must_agree_are_told() -> None:
    dynamic = {"x": {0: "batch"}, "y": {0: "other"}}
    with pytest.warns(errors.ModelNotes, match=r"needs y, axis 0 \(other\) to be batch"):
        torch_onnx.export(lambda x, y: x + y, (X, X), dynamic_shapes=dynamic)


def test_modules_within_callables_are_put_in_eval_mode() -> None:
    dropout = torch.nn.Dropout(0.9)
    program = torch_onnx.export(lambda x: dropout(x), (X,))
    assert dropout.training
    assert not program.verify().mismatches


class Regions(torch.nn.Module):
    """Code within ``with`` statements, where autocast makes casts that no graph shows."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.linear(x) * 2
            z = torch.softmax(y, -1) + y.pow(2).mean()
            both = torch.cat([x, y])
        with torch.autocast("cpu", enabled=False):
            w = y.float() + 1
        with torch.enable_grad():
            return y, z, both, self.linear(w)


def test_autocast_and_grad_regions() -> None:
    program = torch_onnx.export(Regions(), (torch.randn(6, 4),), dynamic_shapes={"x": {0: "n"}})
    assert not program.verify().mismatches


def test_a_failed_capture_prints_no_graph(capfd: pytest.CaptureFixture[str]) -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        return x if x.nonzero().shape[0] > 3 else x + 1

    with pytest.raises(errors.CaptureError, match=r"return x if x\.nonzero"):
        torch_onnx.export(model, (torch.randn(6, 4),), strategy="export")
    assert "def forward" not in "".join(capfd.readouterr())


def test_an_example_of_one_is_captured_as_what_it_is() -> None:
    """Captures try a larger size first; what the model does for a size of one must not get lost."""

    def branches(x: torch.Tensor) -> torch.Tensor:
        return x + 1 if x.shape[0] == 1 else x - 1

    def fits_one_only(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, y]).view(3)

    with pytest.raises(errors.DimensionSpecialized, match="batch == 1"):
        torch_onnx.export(branches, (torch.ones(1, 4),), dynamic_shapes={"x": {0: "batch"}})
    with pytest.raises(errors.DimensionSpecialized, match="the model fixes it to 1"):
        torch_onnx.export(
            fits_one_only, (torch.ones(1), torch.ones(2)), dynamic_shapes={"x": {0: "n"}, "y": None}
        )

    def longer(past: torch.Tensor, new: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        whole = torch.cat([past, new])
        if whole.shape[0] > mask.shape[0]:
            mask = torch.cat([mask, mask[:1]])
        return whole * mask[: whole.shape[0]]

    call = (torch.randn(5), torch.randn(1), torch.randn(6))
    names = {"past": {0: "past"}, "new": {0: "new"}, "mask": {0: "all"}}
    with pytest.warns(errors.ModelNotes, match="new \\+ past <= all|past \\+ new <= all"):
        program = torch_onnx.export(longer, call, dynamic_shapes=names)
    assert not program.verify(torch.randn(3), torch.randn(4), torch.randn(7)).mismatches


@since("2.7", "torch.export takes an empty axis for nothing else before")
def test_a_branch_on_an_empty_example_is_an_error() -> None:
    def model(x: torch.Tensor, past: torch.Tensor) -> torch.Tensor:
        return x + 1 if past.shape[0] == 0 else x - past.sum()

    inputs = (torch.ones(2), torch.ones(0))
    for strategy in ("export", "auto"):
        with pytest.raises(errors.DimensionSpecialized, match=r"past, axis 0 .* fixes it to 0"):
            torch_onnx.export(model, inputs, dynamic_shapes={"past": {0: "n"}}, strategy=strategy)


def test_rank_that_a_size_of_one_decides() -> None:
    x = torch.randn(1, 4)
    with pytest.raises(errors.DimensionSpecialized) as caught:
        torch_onnx.export(torch.cov, (x,), dynamic_shapes=({0: "a", 1: "b"},))
    (dimension,) = caught.value.dimensions
    assert (dimension.axis, dimension.size) == (0, "1")
    assert "how many axes" in str(caught.value)
    program = torch_onnx.export(torch.cov, (x,), dynamic_shapes=({1: "b"},))
    assert program(torch.randn(1, 7))[0].shape == ()


@pytest.mark.parametrize("strategy", ["record", "export", "trace"])
def test_transformer_layers_take_any_mask(strategy: str) -> None:
    layer = torch.nn.TransformerDecoderLayer(8, 2, 8, batch_first=True)
    model = torch.nn.TransformerDecoder(layer, 1)

    def inputs(batch: int, length: int, tgt_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.randn(batch, length, 8), torch.randn(batch, 4, 8), tgt_mask

    causal = torch.nn.Transformer.generate_square_subsequent_mask(3)
    program = torch_onnx.export(
        model,
        inputs(2, 3, causal),
        dynamic_shapes={"tgt": {0: "b", 1: "n"}, "memory": {0: "b"}, "tgt_mask": {0: "n", 1: "n"}},
        strategy=strategy,
    )
    assert not program.notes
    program.verify(*inputs(2, 3, torch.zeros(3, 3)))
    program.verify(*inputs(1, 5, torch.eye(5) - 1))
