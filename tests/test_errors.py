"""Each class of user error: its whole message, as ``tests/errors/*.txt`` has it.

``UPDATE_ERRORS=1`` writes the files anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import torch_onnx
from releases import needs
from torch_onnx.errors import ExportError

FOLDER = Path(__file__).parent / "errors"
MOST_LINES = 24
WIDEST = 200


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return self.head(x) * scale


class Raises(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ x.new_ones(7, 2)


class RaisesItself(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise KeyError("no such key")


@torch.library.custom_op("errors::mystery", mutates_args=())
def mystery(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


@mystery.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


@torch.library.custom_op("errors::riddle", mutates_args=())
def riddle(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


@riddle.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


class Unsupported(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = mystery(self.first(x))
        return riddle(y) + mystery(y)


class LeftOut(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        low, high = torch.aminmax(x)
        return high - low


class Trace(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ii->i", x)


class Fixed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(3, 4) * 2


class OnData(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            x = x + 1
        return x


X, SCALE = torch.ones(2, 3), torch.ones(3)


def net(**options: Any) -> Any:
    return torch_onnx.export(Net().eval(), (X, SCALE), **options)


def mismatch() -> None:
    table = {"aten::relu": lambda g, self: g.Mul(g.Relu(self), g.like(1.5, self))}
    torch_onnx.export(
        nn.ReLU(), (torch.ones(2, 3),), dynamic_shapes={"input": {0: "n"}}, verify=True,
        custom_translation_table=table,
    )  # fmt: skip


def meta_weights() -> None:
    with torch.device("meta"):
        model = nn.Linear(3, 3)
    torch_onnx.export(model.eval(), (torch.ones(2, 3, device="meta"),)).save(
        Path(os.environ["TMPDIR_OF_TEST"]) / "m.onnx"
    )


CASES: dict[str, Callable[[], Any]] = {
    "missing_argument": lambda: torch_onnx.export(Net(), (X,)),
    "too_many_arguments": lambda: torch_onnx.export(Net(), (X, SCALE, X)),
    "unknown_keyword": lambda: torch_onnx.export(Net(), (X,), kwargs={"scales": SCALE}),
    "no_model": lambda: torch_onnx.export(3, (X,)),  # type: ignore[arg-type]
    "unknown_opset": lambda: net(opset_version=9),
    "opset_of_wrong_type": lambda: net(opset_version="20"),
    "unknown_strategy": lambda: net(strategy="fastest"),
    "unknown_training": lambda: net(training="evaluate"),
    "clashing_input_names": lambda: net(input_names=["x", "x"]),
    "too_many_input_names": lambda: net(input_names=list("abcdefgh")),
    "input_and_output_of_one_name": lambda: net(input_names=["a", "b"], output_names=["a"]),
    "unwritable_path": lambda: net(f="/no/such/folder/model.onnx"),
    "path_is_a_folder": lambda: net(f="/tmp"),
    "unknown_dynamic_input": lambda: net(dynamic_shapes={"y": {0: "batch"}}),
    "dynamic_axis_out_of_range": lambda: net(dynamic_shapes={"x": {5: "batch"}}),
    "one_name_for_two_sizes": lambda: net(dynamic_shapes={"x": {0: "n", 1: "n"}}),
    "model_raises_in_torch": lambda: torch_onnx.export(Raises(), (X,)),
    "model_raises_in_a_trace": lambda: torch_onnx.export(Raises(), (X,), strategy="trace"),
    "model_raises_itself": lambda: torch_onnx.export(RaisesItself(), (X,)),
    "unsupported_operators": lambda: torch_onnx.export(Unsupported(), (X,)),
    "result_left_out": lambda: torch_onnx.export(
        LeftOut(),
        (X,),
        custom_translation_table={"aten::aminmax": lambda g, self: [g.ReduceMin(self, keepdims=0)]},
    ),
    "needs_a_newer_opset": lambda: torch_onnx.export(
        Trace(), (torch.ones(3, 3),), opset_version=11
    ),
    "dim_is_fixed": lambda: torch_onnx.export(
        Fixed(), (torch.ones(3, 4),), dynamic_shapes={"x": {0: "batch"}}
    ),
    "branch_on_data": lambda: torch_onnx.export(OnData(), (X,), strategy="record"),
    "branch_on_data_in_torch_export": lambda: torch_onnx.export(OnData(), (X,), strategy="export"),
    "custom_table_of_wrong_type": lambda: net(custom_translation_table=3),
    "verification": mismatch,
    "weights_without_data": meta_weights,
}


RELEASES = {"dim_is_fixed": ("2.9", "it tells what it settled on, and not why, before")}


@pytest.mark.parametrize("name", CASES)
def test_message(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if name in RELEASES:
        needs(*RELEASES[name])
    monkeypatch.setenv("TMPDIR_OF_TEST", str(tmp_path))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(ExportError) as caught:
            CASES[name]()
    # Nothing of PyTorch's goes to the terminal or into warnings beside the error.
    assert capfd.readouterr() == ("", "")
    assert not told, [str(warning.message) for warning in told]

    text = f"{type(caught.value).__name__}\n{lines_left_out(str(caught.value))}\n"
    assert len(text.splitlines()) <= MOST_LINES
    assert max(map(len, text.splitlines())) <= WIDEST
    golden = FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE_ERRORS"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def lines_left_out(text: str) -> str:
    """The text without the numbers of this file's lines, which every change here would move, and
    without PyTorch's own words, which are not the same in every release.
    """
    text = re.sub(r"(test_errors\.py):\d+", r"\1:LINE", text)
    return re.sub(r"^(RuntimeError while the model ran: ).*", r"\1PYTORCH'S WORDS", text)


@pytest.mark.parametrize("strategy", ["record", "export", "trace", "script"])
def test_exports_are_quiet(strategy: str, capfd: pytest.CaptureFixture[str]) -> None:
    model = nn.Linear(3, 3) if strategy == "script" else nn.LSTM(3, 3, batch_first=True)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch_onnx.export(model, (torch.ones(2, 4, 3),), strategy=strategy, verify=True)
    # What holds of the model alone is the user's to read.
    kinds = {warning.category for warning in told}
    assert kinds <= {torch_onnx.errors.ModelNotes}, [str(warning.message) for warning in told]
    assert capfd.readouterr() == ("", "")


def test_every_message_has_its_case() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(CASES)


def test_pytorch_s_own_error_is_the_cause() -> None:
    with pytest.raises(torch_onnx.errors.CaptureError) as caught:
        torch_onnx.export(Raises(), (X,))
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert caught.value.frame is not None
    assert caught.value.frame.code == "return x @ x.new_ones(7, 2)"


def test_torch_onnx_s_except_clauses_catch_them() -> None:
    with pytest.raises(RuntimeError, match="choose"):
        torch_onnx.export(torch.nn.Identity(), (X,), training="always")


def test_fields_are_there_to_program_against() -> None:
    with pytest.raises(torch_onnx.errors.UnsupportedOperators) as caught:
        torch_onnx.export(Unsupported(), (X,))
    assert [call.op for call in caught.value.calls] == [
        "errors::mystery",
        "errors::riddle",
        "errors::mystery",
    ]
    assert caught.value.opset == 20
    with pytest.raises(torch_onnx.errors.DimensionSpecialized) as fixed:
        CASES["dim_is_fixed"]()
    (dim,) = fixed.value.dimensions
    assert (dim.input_name, dim.axis, dim.name, dim.size) == ("x", 0, "batch", "3")
