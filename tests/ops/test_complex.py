"""What has no translation for complex numbers is refused; users' tables may give one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import torch_onnx
from torch_onnx.errors import UnsupportedOperators

Z = torch.tensor([[3 + 4j, -1 + 1j], [0.5j, -2 + 0j]])
own = torch.library.Library("complex_tests", "DEF")
own.define("softplus(Tensor self) -> Tensor")
own.impl("softplus", lambda z: torch.log1p(z.exp()), "CompositeExplicitAutograd")


def call(z: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor = torch.ops.complex_tests.softplus(z)
    return result


def test_translations_of_real_numbers_are_not_used_for_complex_ones() -> None:
    with pytest.raises(UnsupportedOperators, match="aten::logcumsumexp"):
        torch_onnx.export(lambda z: z.logcumsumexp(0), (Z,))


def test_no_node_takes_complex_numbers() -> None:
    table = torch_onnx.OpTable("mine")
    table("complex_tests::softplus")(lambda g, self: g.Softplus(self))
    with pytest.raises(UnsupportedOperators, match="Softplus does not take complex numbers"):
        torch_onnx.export(call, (Z,), custom_translation_table=table)


def test_a_users_translation_works_with_the_parts() -> None:
    table = torch_onnx.OpTable("mine")

    @table("complex_tests::softplus")
    def softplus(g: Any, self: Any) -> Any:
        real, imaginary = g.both_parts(self)
        size = g.Exp(real)
        a = g.Add(g.Mul(size, g.Cos(imaginary)), g.like(1.0, size))
        b = g.Mul(size, g.Sin(imaginary))
        return g.complex(g.Log(g.Sqrt(g.Add(g.Mul(a, a), g.Mul(b, b)))), g.Atan(g.Div(b, a)))

    z = Z / 8
    program = torch_onnx.export(call, (z,), custom_translation_table=table)
    torch.testing.assert_close(program(z)[0], torch.view_as_real(call(z)))


def test_complex_inputs_and_outputs_have_a_last_axis_of_two() -> None:
    program = torch_onnx.export(lambda z: z.mT, (Z[:1],), dynamic_shapes=({1: "n"},), verify=True)
    (given,), (result,) = program.model.graph.inputs, program.model.graph.outputs
    assert [str(size) for size in given.shape] == ["1", "n", "2"]
    assert [str(size) for size in result.shape] == ["n", "1", "2"]
