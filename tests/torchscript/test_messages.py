"""What is said of programs that ONNX can't hold, with the user's line, and of frozen traces."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor

import torch_onnx
from torch_onnx import errors

X = torch.randn(3, 4)


def keys_grow(x: Tensor):
    named: dict[str, Tensor] = {}
    for i in range(x.size(0)):
        if i == 0:
            named["first"] = x[i]
    return named


def keys_from_numbers(x: Tensor):
    named: dict[str, Tensor] = {"0": x}
    for i in range(x.size(0)):
        named[str(i)] = x[i]
    return named["0"]


def always_raises(x: Tensor):
    if bool(x.sum() > 0):
        raise ValueError("positive")
    raise ValueError("negative")
    return x


def raises_for_the_example(x: Tensor):
    if x.size(1) == 4:
        raise ValueError("never four")
    return x


def axis_by_data(x: Tensor):
    return x.unsqueeze(int(x[0, 0]))


def axes_by_data(x: Tensor):
    return x.flip([0, int(x[0, 0])])


def text_grows(x: Tensor):
    text = "a"
    for _ in range(x.size(0)):
        text = text + "b"
    return x * len(text)


def lists_of_lists_grow(x: Tensor):
    rows: list[list[Tensor]] = []
    for i in range(x.size(0)):
        rows.append([x[i]])  # noqa: PERF401
    return rows


def rank_grows(x: Tensor):
    y = x
    for _ in range(x.size(0)):
        y = y.unsqueeze(0)
    return y


def list_changes_type(x: Tensor):
    kept: list[Tensor] = []
    for i in range(x.size(0)):
        kept.append(x[i])
        kept.append(x[i] > 0)
    return kept


def none_in_some_runs(x: Tensor):
    y: Tensor | None = None
    if bool(x.sum() > 0):
        y = x
    return y


def written_after_it_was_listed(x: Tensor):
    rows: list[Tensor] = []
    for i in range(x.size(0)):
        row = x[i] + 0
        rows.append(row)
        row.add_(1)
    return torch.stack(rows)


def part_is_written(x: Tensor):
    y = x * 2
    for row in y.unbind(0):
        row.add_(1)
    return y


def written_by_another_name(x: Tensor):
    y = x * 2
    z = y
    if bool(x.sum() > 0):
        z = y + 1
    z.add_(1)
    return y, z


def written_by_its_twin(x: Tensor):
    y = x * 1
    if bool(x.sum() > 0):
        z = y
        w = y
    else:
        z = y * 2
        w = y * 3
    z.add_(1)
    return w


def written_before_the_loop(x: Tensor):
    y = x[0] * 2
    z = y
    for i in range(x.size(0)):
        y.mul_(2)
        z = z + y
        y = z - i
    return y, z


def shape_from_a_growing_list(x: Tensor):
    sizes: list[int] = []
    for _ in range(x.size(0)):
        sizes.append(1)  # noqa: PERF401
    return torch.zeros(sizes)


GIVE = "\nGive the loop a number of turns that is known, or a tensor to fill."
CLONE = "\nWrite to a clone() there."

# What is said, the line of the program that is named, and what to do.
MESSAGES = {
    keys_grow: (
        "Two branches that are decided at run time give values of different kinds: "
        "a dict with the keys 'first' and an empty dict.",
        "if i == 0:",
        "",
    ),
    keys_from_numbers: (
        "aten::_set_item is given a text made of what is known at run time only.",
        "named[str(i)] = x[i]",
        "",
    ),
    always_raises: (
        "The model raises for such inputs: negative",
        'raise ValueError("negative")',
        "",
    ),
    raises_for_the_example: (
        "The model raises for such inputs: never four",
        'raise ValueError("never four")',
        "",
    ),
    text_grows: (
        "A loop whose turns are decided at run time changes str 'a' into str 'ab'.",
        "for _ in range(x.size(0)):",
        "",
    ),
    lists_of_lists_grow: (
        "A loop whose turns are decided at run time changes a list of 0 into a list of 1.",
        "for i in range(x.size(0)):",
        GIVE,
    ),
    rank_grows: (
        "A loop changes the type of a tensor that it carries: float32[n, 4] becomes "
        "float32[1, n, 4].",
        "for _ in range(x.size(0)):",
        "",
    ),
    list_changes_type: (
        "A list holds tensors of float32 and bool, and its length is known at run time only.",
        "for i in range(x.size(0)):",
        "",
    ),
    written_after_it_was_listed: (
        "A tensor is written to in place that lies in a list whose length is known at run time "
        "only.",
        "row.add_(1)",
        "",
    ),
    part_is_written: (
        "A tensor is written to in place that lies in a list whose length is known at run time "
        "only.",
        "row.add_(1)",
        "",
    ),
    written_by_another_name: (
        "A tensor is read after a write in place to what is the same tensor or not, as a branch or "
        "loop decides at run time.",
        "z.add_(1)",
        CLONE,
    ),
    written_by_its_twin: (
        "A tensor is read after a write in place to what is the same tensor or not, as a branch or "
        "loop decides at run time.",
        "z.add_(1)",
        CLONE,
    ),
    written_before_the_loop: (
        "A tensor is read after a write in place to what is the same tensor or not, as a branch or "
        "loop decides at run time.",
        "y.mul_(2)",
        CLONE,
    ),
    axis_by_data: (
        "aten::unsqueeze: it takes dim as a constant only, this one depends on the input",
        "return x.unsqueeze(int(x[0, 0]))",
        "",
    ),
    axes_by_data: (
        "aten::flip: it takes dims as a constant only, this one depends on the input",
        "return x.flip([0, int(x[0, 0])])",
        "",
    ),
    shape_from_a_growing_list: (
        "aten::zeros is given a list whose length is known at run time only.",
        "return torch.zeros(sizes)",
        "",
    ),
}


def expected(program: Any) -> str:
    reason, code, advice = MESSAGES[program]
    lines, first = inspect.getsourcelines(program)
    number = first + next(i for i, line in enumerate(lines) if line.strip() == code)
    return f"{reason}\n  at torchscript/test_messages.py:{number}\n    {code}{advice}"


def without_functions(text: str) -> str:
    """The message without the names of functions, which PyTorch knows of some lines only."""
    return "\n".join(
        line.partition(" in ")[0] if line.startswith("  at ") else line for line in text.split("\n")
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", MESSAGES, ids=lambda program: program.__name__)
def test_what_onnx_cannot_hold(program: Any) -> None:
    with pytest.raises(errors.CaptureError) as caught:
        torch_onnx.export(
            torch.jit.script(program), (X,), input_names=["x"], dynamic_axes={"x": {0: "n"}}
        )
    assert without_functions(str(caught.value)) == expected(program)


@pytest.mark.filterwarnings("ignore")
def test_results_that_may_be_none_need_opset_16() -> None:
    script = torch.jit.script(none_in_some_runs)
    with pytest.raises(errors.UnsupportedOperators, match="None in some runs") as refused:
        torch_onnx.export(script, (X,), opset_version=15)
    assert "possible from opset 16" in str(refused.value)
    assert "if bool(x.sum() > 0):" in str(refused.value)


def diagonal_by_data(x: Tensor) -> Tensor:
    return torch.diagonal(x, int(x.sum()))


@pytest.mark.filterwarnings("ignore")
def test_what_a_translation_takes_as_a_constant_only() -> None:
    with pytest.raises(errors.UnsupportedOperators, match="takes offset as a constant only"):
        torch_onnx.export(torch.jit.script(diagonal_by_data), (X,))


def test_every_frozen_branch_of_a_trace_is_listed() -> None:
    def model(x: Tensor) -> Tensor:
        if x.sum() > 0:
            x = x + 1
        for _ in range(int(x[0, 0])):
            x = x * 2
        return x

    with pytest.warns(errors.ModelNotes) as told:
        torch_onnx.export(model, (torch.ones(3, 4),), strategy="trace")
    text = str(told[-1].message)
    assert "is frozen at torchscript/test_messages.py:" in text
    assert ": if x.sum() > 0:" in text
    assert ": for _ in range(int(x[0, 0])):" in text


@pytest.mark.filterwarnings("ignore")
class Transformer(torch.nn.Module):
    """Calls PyTorch's own Python, whose lines say nothing to the user."""

    def forward(self, x: Tensor):
        return torch.stft(x, 16, win_length=17, center=False, return_complex=False)


@pytest.mark.filterwarnings("ignore")
def test_the_user_s_line_that_calls_pytorch_s_python_is_told() -> None:
    model = torch.jit.script(Transformer())
    with pytest.raises(errors.CaptureError, match="win_length=17") as caught:
        torch_onnx.export(model, (torch.randn(2, 32),))
    assert caught.value.frame is not None
    assert caught.value.frame.code.startswith("return torch.stft(x, 16, win_length=17")


def test_texts_and_prints_are_told() -> None:
    def model(x: Tensor):
        print("sizes", x.size(0))  # noqa: T201 - dropped, and told
        return "ready", x * 2

    program = torch_onnx.export(torch.jit.script(model), (X,))
    assert any("lacks a print" in note for note in program.notes)
    assert "does not return the text 'ready'" in program.notes


def test_a_trace_that_fixes_a_size_in_a_view_is_refused() -> None:
    with pytest.raises(errors.DimensionSpecialized) as refused:
        torch_onnx.export(
            lambda x: x.view(3, 4) + 1, (X,), dynamic_shapes={"x": {0: "b"}}, strategy="trace"
        )
    assert str(refused.value) == (
        "1 dimension can't stay dynamic:\n"
        "  x, axis 0 ('b'): the model fixes it to 3\n"
        "    because it needs 4*b == 12\n"
        "Change that line, or leave the axis out of dynamic_shapes."
    )


def test_a_module_that_torchscript_keeps_without_forward_is_refused() -> None:
    with pytest.raises(errors.CaptureError, match="a module without forward"):
        torch_onnx.export(torch.nn.LSTM(4, 5), (torch.randn(3, 2, 4),), strategy="script")
