"""A fault planted in the translation of one operator is found at its node and source line."""

from __future__ import annotations

import inspect
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import torch_onnx
from torch_onnx.ops import real_table
from torch_onnx.ops.table import DEFAULT_OPSET
from zoo.models import TINY

CASES = {case.name: case for case in TINY}


def wrong(operator: str, spoil: Callable[..., Any], occurrence: int) -> torch_onnx.OpTable:
    """A table that translates one call of an operator wrongly, the others as always."""
    row = real_table().find(operator, DEFAULT_OPSET)
    assert row is not None
    count = 0

    def translate(g: Any, /, *args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        result = row.fn(g, *args, **kwargs)
        return spoil(g, result) if count == occurrence else result

    translate.__signature__ = inspect.signature(row.fn)  # type: ignore[attr-defined]
    table = torch_onnx.OpTable("wrong")
    table.add(operator, translate, 11, row.promote, row.promote_to_float)
    return table


def scaled(g: Any, result: Any) -> Any:
    return g.Mul(result, g.like(1.01, result))


def shifted(g: Any, result: Any) -> Any:
    return g.Add(result, g.like(0.05, result))


def cut(g: Any, result: Any) -> Any:
    """A size of the example that stays in the model."""
    return g.Slice(result, starts=[0], ends=[3], axes=[0])


def unloadable(g: Any, result: Any) -> Any:
    """A node that ONNX Runtime refuses when it runs: 7 does not divide the size."""
    return g.Reshape(g.Reshape(result, [-1, 7]), g.Shape(result))


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.second = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.tanh(self.first(x))
        return self.second(torch.sin(hidden))


def small(spoil: Callable[..., Any] | None, **options: Any) -> torch_onnx.ONNXProgram:
    torch.manual_seed(0)
    table = None if spoil is None else wrong("aten::sin", spoil, 1)
    example = (torch.randn(3, 4),)
    return torch_onnx.export(Small().eval(), example, custom_translation_table=table, **options)


def test_nothing_is_found_where_all_agree(tmp_path: Path) -> None:
    folder = tmp_path / "reproduction"
    assert small(None).bisect(folder=folder) is None
    assert not folder.exists()


def test_message_fits_a_screen_and_names_node_module_and_line(tmp_path: Path) -> None:
    found = small(scaled).bisect(folder=tmp_path)
    assert found is not None
    text = str(found)
    assert len(text.splitlines()) < 12
    for part in ("/Mul", "aten::sin", "test_bisect.py", "torch.sin(hidden)", str(tmp_path)):
        assert part in text
    assert found.nodes == ["Sin", "Mul"]


def test_node_that_the_runtime_refuses_is_found() -> None:
    found = small(unloadable).bisect()
    assert found is not None
    assert found.torch_operator == "aten::sin"
    assert "can't be computed" in found.problem


def test_fault_at_other_sizes_is_found_with_the_inputs_that_showed_it() -> None:
    program = small(cut, dynamic_shapes={"x": {0: "batch"}})
    assert program.bisect() is None  # the example does not show it
    with pytest.raises(torch_onnx.errors.VerificationError):
        program.verify()
    found = program.bisect()
    assert found is not None
    assert found.torch_operator == "aten::sin"
    assert found.is_alone


def test_elements_that_are_masked_later_may_be_anything() -> None:
    class Masked(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            garbage = torch.sin(x)
            return torch.where(x > 100, garbage, torch.tanh(x) + torch.cos(x))

    def export(*operators: str) -> torch_onnx.ONNXProgram:
        tables = [wrong(operator, scaled, 1) for operator in operators]
        return torch_onnx.export(Masked(), (torch.ones(3),), custom_translation_table=tables)

    assert export("aten::sin").bisect() is None
    found = export("aten::sin", "aten::cos").bisect()
    assert found is not None
    assert found.torch_operator == "aten::cos"


def test_random_values_are_not_compared() -> None:
    class Noise(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sin() + torch.rand_like(x)

    program = torch_onnx.export(
        Noise(),
        (torch.ones(3),),
        custom_translation_table={"aten::rand_like": lambda g, self: g.RandomUniformLike(self)},
    )
    with pytest.raises(torch_onnx.errors.ExportError, match="are random"):
        program.bisect()


def test_bfloat16_is_reproduced_without_numpy_knowing_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Small().eval().to(torch.bfloat16)
    table = wrong("aten::sin", lambda g, r: g.Mul(r, g.like(1.5, r)), 1)
    example = (torch.randn(3, 4, dtype=torch.bfloat16),)
    program = torch_onnx.export(model, example, custom_translation_table=table)
    found = program.bisect(folder=tmp_path)
    assert found is not None
    assert found.torch_operator == "aten::sin"
    assert_reproduces(tmp_path)


def test_branches_loops_and_functions_are_looked_through() -> None:
    class Looped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.small = Small()

        def forward(self, x: torch.Tensor, count: int) -> torch.Tensor:
            for _ in range(count):
                x = self.small(x)
            return torch.sin(x) if bool(x.sum() > 0) else torch.cos(x)

    torch.manual_seed(0)
    example = (torch.randn(3, 4), torch.tensor(2))
    script = torch.jit.script(Looped().eval())
    program = torch_onnx.export(script, example, custom_translation_table=None)
    assert "Loop" in {node.op_type for node in program.model.graph}
    assert program.bisect() is None

    table = wrong("aten::tanh", scaled, 1)
    grouped = torch_onnx.export(
        nn.Sequential(Small(), nn.Tanh()).eval(),
        example[:1],
        functions=[Small],
        custom_translation_table=table,
    )
    found = grouped.bisect()
    assert found is not None
    assert found.operator == "Small"


@pytest.mark.models
@pytest.mark.parametrize(
    ("model", "operator", "spoil", "occurrence", "module", "code"),
    [
        ("bert", "aten::gelu", scaled, 2, "encoder.layer.1.intermediate", "self.act("),
        ("resnet", "aten::conv2d", shifted, 3, "encoder.stages.0", "convolution"),
        ("vit", "aten::layer_norm", scaled, 2, "layers.0", "norm"),
        ("llama_cache", "aten::mul.Tensor", shifted, 8, "layers.0", "*"),
        ("t5", "aten::scaled_dot_product_attention", scaled, 4, "decoder.block.0", "attention("),
    ],
)  # fmt: skip
def test_planted_fault_is_found(
    model: str,
    operator: str,
    spoil: Callable[..., Any],
    occurrence: int,
    module: str,
    code: str,
    tmp_path: Path,
) -> None:
    case = CASES[model]
    built, args, kwargs = case.build()
    program = torch_onnx.export(
        built,
        args,
        kwargs=kwargs,
        dynamic_shapes=case.dynamic_shapes,
        custom_translation_table=wrong(operator, spoil, occurrence),
    )
    calls = [call for call in program._origin.graph.calls if call.op.name == operator]

    began = time.perf_counter()
    found = program.bisect(folder=tmp_path)

    assert time.perf_counter() - began < 60
    assert found is not None
    assert found.is_alone
    expected = calls[occurrence - 1].source
    assert (found.torch_operator, found.module) == (operator, expected.module)
    assert found.frame == expected.frame
    assert module in found.module
    assert found.frame is not None
    assert code in found.frame.code
    assert_reproduces(tmp_path)


def assert_reproduces(folder: Path) -> None:
    """The folder's script runs without this project and without PyTorch, and shows the fault."""
    blocked = "import sys; sys.modules['torch'] = sys.modules['torch_onnx'] = None; "
    code = f"{blocked}import runpy; runpy.run_path({str(folder / 'run.py')!r}, run_name='__main__')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1, run.stderr
    assert "DIFFERS" in run.stdout
