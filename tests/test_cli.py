"""The command ``torch-onnx``: what it answers, in text and in JSON, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from typer.testing import CliRunner, Result

import torch_onnx
from torch_onnx.cli import inputs as described
from torch_onnx.cli.commands import app
from torch_onnx.errors import InputError

FACTORIES = """
import torch

def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Sigmoid()).eval()

def with_inputs():
    return net(), (torch.ones(2, 3),)

class Mystery(torch.nn.Module):
    def forward(self, x):
        return torch.ops.cli_tests.mystery(x)

def mystery():
    return Mystery(), (torch.ones(3),)
"""


@torch.library.custom_op("cli_tests::mystery", mutates_args=())
def mystery(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


@mystery.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


BATCH = ("-i", "input:float32[batch,3]")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "factories.py").write_text(FACTORIES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("factories", None)
    return tmp_path


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == code, result.output
    return result


def data(*arguments: str, code: int = 0) -> Any:
    """The one JSON object that stdout has."""
    return json.loads(run(*arguments, "--json", code=code).stdout)


def test_export_writes_a_model_with_dynamic_dims() -> None:
    told = data("export", "factories:net", "m.onnx", *BATCH, "--verify", "--report", "r.html")
    model = onnx.load("m.onnx")
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert told["nodes"] == len(model.graph.node)
    assert told["verification"]["agrees"]
    assert len(told["verification"]["sizes"]["batch"]) >= 2
    assert Path("r.html").is_file()


def test_export_answers_in_a_line() -> None:
    result = run("export", "factories:with_inputs", "m.onnx")
    assert result.stdout.startswith("m.onnx: 2 nodes in ")


def test_saved_programs_are_read() -> None:
    from factories import net  # type: ignore[import-not-found]

    torch.jit.script(net()).save("m.pt")
    run("export", "m.pt", "script.onnx", "-i", "float32[2,3]")
    program = torch.export.export(net(), (torch.ones(2, 3),))
    torch.export.save(program, "m.pt2")
    run("export", "m.pt2", "export.onnx")
    assert Path("script.onnx").is_file()
    assert Path("export.onnx").is_file()


def test_pickled_modules_are_read_only_when_asked() -> None:
    torch.save(nn.Linear(3, 4), "m.pt")
    refused = run("export", "m.pt", "m.onnx", "-i", "float32[2,3]", code=2)
    assert "can't be read" in refused.stderr
    run("export", "m.pt", "m.onnx", "-i", "float32[2,3]", "--unsafe")


def test_transformers_configuration_is_built() -> None:
    config = {
        "model_type": "bert", "architectures": ["BertModel"], "vocab_size": 99, "hidden_size": 16,
        "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    }  # fmt: skip
    Path("config.json").write_text(json.dumps(config))
    for source in ("config.json", "."):
        told = data("export", source, "m.onnx", "-i", "input_ids:int64[batch,sequence]")
        assert told["inputs"] == ["input_ids"]


def test_inputs_come_from_a_file_and_dims_from_descriptions() -> None:
    np.savez("in.npz", input=np.ones((5, 3), np.float32))
    told = data("verify", "factories:net", "--inputs", "in.npz", *BATCH)
    assert told["agrees"]
    assert told["outputs"][0]["shape"] == [5, 4]
    wrong = run("verify", "factories:net", "--inputs", "in.npz", "-i", "input:f32[2,3]", code=2)
    assert "does not fit the file's float32[5, 3]" in wrong.stderr


def test_verify_exits_with_1_for_a_model_of_other_weights() -> None:
    run("export", "factories:net", "m.onnx", *BATCH)
    assert data("verify", "factories:net", "--onnx", "m.onnx", *BATCH)["agrees"]
    model = onnx.load("m.onnx")
    weight = model.graph.initializer[0]
    array = onnx.numpy_helper.to_array(weight) + 1
    weight.CopyFrom(onnx.numpy_helper.from_array(array, weight.name))
    onnx.save(model, "other.onnx")
    told = data("verify", "factories:net", "--onnx", "other.onnx", *BATCH, code=1)
    assert not told["agrees"]
    assert told["mismatches"][0]["inputs"] == "example"


def test_explain_exits_with_1_when_it_can_not_be_exported() -> None:
    told = data("explain", "factories:mystery", code=1)
    assert told["operators"][0]["status"] == "missing"
    assert data("explain", "factories:with_inputs", "--report", "e.md")["can_be_exported"]
    assert Path("e.md").read_text().startswith("# Sequential")


def test_profile_writes_what_is_asked_for() -> None:
    told = data("profile", "factories:with_inputs", "--flame", "f.html", "--trace", "t.json")
    assert told["operators"][0]["times"] == 1
    assert Path("f.html").is_file()
    assert json.loads(Path("t.json").read_text())["traceEvents"]


def test_bisect_says_that_all_agree() -> None:
    assert data("bisect", "factories:with_inputs") == {"departure": None}
    assert not Path("reproduction").exists()


def test_diff_names_what_differs() -> None:
    run("export", "factories:net", "a.onnx", *BATCH)
    run("export", "factories:net", "b.onnx", *BATCH, "--opset", "18")
    assert run("diff", "a.onnx", "a.onnx").stdout == "The models are the same.\n"
    told = data("diff", "a.onnx", "b.onnx", code=1)
    assert ["opset ai.onnx", "20", "18"] in told["header"]
    assert not told["operators"]
    assert run("diff", "a.onnx", "none.onnx", code=2).stderr


def test_ops_are_listed_by_opset_name_and_status() -> None:
    told = data("ops", "gelu", "--opset", "20")
    assert {"name": "aten::gelu", "status": "translated", "since": 11} in told["operators"]
    rows = data("ops", "--missing")["operators"]
    assert {row["status"] for row in rows} == {"missing"}
    assert "aten::cudnn_convolution" in {row["name"] for row in rows}


def test_doctor_tells_versions() -> None:
    told = data("doctor")
    assert told["packages"]["torch"]
    assert told["can_export"]
    assert "opsets" in run("doctor").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("export", "factories:none", "m.onnx"), 2, "has no attribute 'none'"),
        (("export", "model", "m.onnx"), 2, "is no model"),
        (("export", "no.pt2", "m.onnx"), 2, "There is no file no.pt2"),
        (("export", "factories:net", "m.onnx", "-i", "x"), 2, "write name:dtype[sizes]"),
        (("export", "factories:net", "m.onnx", *BATCH, "--opset", "99"), 2, "from 11 to 28"),
        (("export", "factories:net", "no/m.onnx", *BATCH), 2, "does not exist"),
        (("export", "factories:mystery", "m.onnx"), 3, "cli_tests::mystery"),
        (("unknown",), 2, "unknown"),
    ],
)
def test_errors_are_one_message_and_an_exit_code(
    arguments: tuple[str, ...], code: int, text: str
) -> None:
    result = run(*arguments, code=code)
    assert text in result.stderr
    assert "Traceback" not in result.output


def test_errors_are_json_too() -> None:
    told = data("export", "factories:mystery", "m.onnx", code=3)
    assert told["error"] == "UnsupportedOperators"


@pytest.mark.parametrize(
    "command", ["export", "verify", "explain", "profile", "bisect", "diff", "ops", "doctor"]
)
def test_help_teaches_every_command(command: str) -> None:
    text = run(command, "--help").stdout
    assert "--json" in text
    assert "Exit codes" in text
    assert all(option in run("export", "--help").stdout for option in ("--input", "--verify"))


def test_module_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "torch_onnx.cli", "ops", "gelu"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(torch_onnx.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    assert "aten::gelu" in done.stdout


def test_descriptions_of_inputs() -> None:
    found = described.parse(["ids:i64[batch,n=16]", "mask:bool[batch,n]", "scale:f32[]"])
    assert found.kwargs["ids"].shape == (2, 16)
    assert found.kwargs["mask"].dtype == torch.bool
    assert found.kwargs["scale"].shape == ()
    assert found.dynamic == {"ids": {0: "batch", 1: "n"}, "mask": {0: "batch", 1: "n"}}
    for wrong in ("x:f31[2]", "x:f32[2;3]", "f32[n]", "x:f32"):
        with pytest.raises(InputError):
            described.parse([wrong])
    with pytest.raises(InputError, match="n is 16 in one input and 4 in another"):
        described.parse(["x:f32[n=16]", "y:f32[n=4]"])
