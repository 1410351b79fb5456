"""Extensions written for torch.onnx, as their authors write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd import Function

import torch_onnx
from torch_onnx import errors, symbolic_helper, symbolic_opset
from torch_onnx.symbolic_helper import parse_args

EACH = pytest.mark.parametrize("strategy", ["record", "export", "trace"])
ROWS = {"x": {0: "rows"}}
X = torch.randn(4, 6)


def kinds(program: torch_onnx.ONNXProgram) -> list[str]:
    return [f"{n.domain}::{n.op_type}".removeprefix("::") for n in program.model.graph]


# NVIDIA-style fake quantisation.


class FakeQuantize(Function):
    @staticmethod
    def forward(ctx: Any, inputs: Any, scale: Any, zero_point: Any, num_bits: int = 8) -> Any:
        ctx.save_for_backward(inputs, scale)
        bound = 2 ** (num_bits - 1) - 1
        return torch.clamp(torch.round(inputs / scale), -bound - 1, bound) * scale

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad, None, None, None

    @staticmethod
    def symbolic(g: Any, inputs: Any, scale: Any, zero_point: Any, num_bits: int = 8) -> Any:
        assert num_bits == 8
        zero_point = g.op("Cast", zero_point, to_i=3)
        quantized = g.op("QuantizeLinear", inputs, scale, zero_point)
        return g.op("DequantizeLinear", quantized, scale, zero_point)


fake_quantize = FakeQuantize.apply  # bound before any export, as modules do


class Quantized(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 3)
        self.register_buffer("scale", torch.tensor(0.05))
        self.register_buffer("zero_point", torch.tensor(0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = fake_quantize(x, self.scale, self.zero_point, 8)
        return self.linear(fake_quantize(x.relu(), self.scale, self.zero_point))


@EACH
def test_fake_quantisation(strategy: str) -> None:
    program = torch_onnx.export(Quantized(), (X,), dynamic_shapes=ROWS, strategy=strategy)
    assert kinds(program)[-1] == "Gemm"
    assert kinds(program).count("QuantizeLinear") == 2
    assert not program.verify(torch.randn(9, 6)).mismatches


# mmcv-style operators, whose kernels are C++ that sees no fake tensors.


class DeformConv2dFunction(Function):
    @staticmethod
    def symbolic(
        g: Any, input: Any, offset: Any, weight: Any, stride: Any, padding: Any, dilation: Any,
        groups: int, deform_groups: int, bias: bool = False, im2col_step: int = 32,
    ) -> Any:  # fmt: skip
        return g.op(
            "mmcv::MMCVDeformConv2d", input, offset, weight,
            stride_i=stride, padding_i=padding, dilation_i=dilation, groups_i=groups,
            deform_groups_i=deform_groups, bias_i=bias, im2col_step_i=im2col_step,
        )  # fmt: skip

    @staticmethod
    def forward(
        ctx: Any, input: Any, offset: Any, weight: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, deform_groups: int = 1, bias: bool = False,
        im2col_step: int = 32,
    ) -> Any:  # fmt: skip
        ctx.stride = stride
        ctx.save_for_backward(input, offset, weight)
        made = np.zeros((input.size(0), weight.size(0), *input.shape[2:]), np.float32)
        return torch.from_numpy(made + input.numpy().mean())


class DeformConv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 2, 3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        offset = x.new_zeros(x.shape[0], 18, 8, 8)
        out = DeformConv2dFunction.apply(x, offset, self.weight, (1, 1), (1, 1), (1, 1), 1, 1)
        return out.relu()


def test_a_kernel_without_fakes_is_traced() -> None:
    with pytest.warns(errors.ModelNotes, match="is a trace"):
        program = torch_onnx.export(DeformConv(), (torch.randn(2, 2, 8, 8),))
    proto = program.model_proto
    node = next(n for n in proto.graph.node if n.domain == "mmcv")
    attributes = {a.name: list(a.ints) or a.i for a in node.attribute}
    assert attributes["stride"] == [1, 1]
    assert (attributes["groups"], attributes["bias"], attributes["im2col_step"]) == (1, 0, 32)
    assert node.input[2] == "weight"
    output = proto.graph.output[0].type.tensor_type
    assert [d.dim_value for d in output.shape.dim] == [2, 5, 8, 8]


class NMSop(Function):
    @staticmethod
    def forward(
        ctx: Any, bboxes: Any, scores: Any, iou_threshold: float, offset: int,
        score_threshold: float, max_num: int,
    ) -> Any:  # fmt: skip
        return torch.from_numpy(np.argsort(-scores.numpy()))

    @staticmethod
    def symbolic(
        g: Any, bboxes: Any, scores: Any, iou_threshold: float, offset: int,
        score_threshold: float, max_num: int,
    ) -> Any:  # fmt: skip
        boxes = symbolic_helper._unsqueeze_helper(g, bboxes, [0])
        scores = symbolic_helper._unsqueeze_helper(g, scores, [0, 1])
        most = max_num if max_num > 0 else 2**31
        selected = g.op(
            "NonMaxSuppression", boxes, scores,
            g.op("Constant", value_t=torch.tensor([most], dtype=torch.long)),
            g.op("Constant", value_t=torch.tensor([iou_threshold], dtype=torch.float)),
        )  # fmt: skip
        return g.op("Squeeze", g.op("Gather", selected, g.op("Constant", value_t=torch.tensor([2])),
                                    axis_i=1), axes_i=[1])  # fmt: skip


class Selects(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        boxes = torch.cat([x[:, :2], x[:, :2] + 1], 1)
        order = NMSop.apply(boxes, x[:, 4], 0.5, 0, 0.0, 0)
        return x[order]


def test_results_whose_size_depends_on_data() -> None:
    apart = torch.cat([torch.arange(0.0, 40, 10)[:, None].repeat(1, 4), torch.rand(4, 2)], 1)
    program = torch_onnx.export(Selects(), (apart,), dynamic_shapes=ROWS, strategy="trace")
    more = torch.cat([torch.arange(0.0, 70, 10)[:, None].repeat(1, 4), torch.rand(7, 2)], 1)
    for boxes in (apart, more):
        assert not program.verify(boxes).mismatches


# Types.


class Typed(Function):
    @staticmethod
    def forward(ctx: Any, x: Any, sizes: list[int]) -> Any:
        return x[:, :2].clone(), [x.long(), None]

    @staticmethod
    def symbolic(g: Any, x: Any, sizes: list[int]) -> Any:
        assert x.type().sizes() == [None, 6]
        assert x.type().dim() == 2
        assert x.type().scalarType() == "Float"
        assert x.type().isSubtypeOf(torch._C.TensorType.get())
        assert not x.type().isSubtypeOf(torch._C.IntType.get())
        assert not x.isCompleteTensor()
        assert x.node().kind() == "prim::Param"
        a, b = g.op("acme::Typed", x, sizes_i=sizes, ratio_f=1, name_s="n", outputs=2)
        a.setType(x.type().with_sizes([None, 2]))
        b.setType(x.type().with_dtype(torch.int64))
        return a, b


class UsesTyped(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, (b, nothing) = Typed.apply(x, [1, 2])
        assert nothing is None
        return a.sum() + b


@EACH
def test_types_and_structures(strategy: str) -> None:
    program = torch_onnx.export(UsesTyped(), (X,), dynamic_shapes=ROWS, strategy=strategy)
    info = {v.name: v.type.tensor_type for v in program.model_proto.graph.value_info}
    assert info["/Typed_output_1"].elem_type == 7
    sizes = info["/Typed_output_0"].shape.dim
    assert (sizes[0].dim_param, sizes[1].dim_value) == ("rows", 2)


class Straight(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x

    @staticmethod
    def symbolic(g: Any, x: Any) -> Any:
        return g.op("Identity", x)


class Written(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.mark_dirty(x)
        return x.add_(1)

    @staticmethod
    def symbolic(g: Any, x: Any) -> Any:
        return g.op("acme::AddOne", x)


class NoSymbolic(Function):
    @staticmethod
    def forward(x: torch.Tensor) -> torch.Tensor:
        return x * 3

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing is saved."""


@EACH
def test_functions_that_give_their_input_or_have_no_symbolic(strategy: str) -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return NoSymbolic.apply(Straight.apply(x + 1)) + 1

    program = torch_onnx.export(Model(), (X,), strategy=strategy, verify=True)
    assert kinds(program) == ["Add", "Mul", "Add"]


def test_a_function_that_writes_to_its_input_is_refused() -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return Written.apply(x + 1)

    with pytest.raises(errors.CaptureError, match="Written writes to its inputs"):
        torch_onnx.export(Model(), (X,), strategy="trace")


def test_functions_train_after_an_export() -> None:
    torch_onnx.export(Quantized(), (X,))
    x = X.clone().requires_grad_()
    fake_quantize(x, torch.tensor(0.05), torch.tensor(0)).sum().backward()
    assert torch.equal(x.grad, torch.ones_like(x))


# register_custom_op_symbolic, torchvision-style.


@torch.library.custom_op("legacy_tests::nms", mutates_args=())
def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    return torch.argsort(scores, descending=True)


@nms.register_fake
def _(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    return boxes.new_empty([torch.library.get_ctx().new_dynamic_size()], dtype=torch.int64)


# PyTorch 2.6 does not tell the schema from list[int].
SCHEMA = "(Tensor x, Tensor rois, float scale, int[] sizes, bool aligned) -> Tensor"


@torch.library.custom_op("legacy_tests::pool", mutates_args=(), schema=SCHEMA)
def pool(
    x: torch.Tensor, rois: torch.Tensor, scale: float, sizes: list[int], aligned: bool
) -> torch.Tensor:
    return x.new_zeros(rois.shape[0], *sizes)


@pool.register_fake
def _(
    x: torch.Tensor, rois: torch.Tensor, scale: float, sizes: list[int], aligned: bool
) -> torch.Tensor:
    return x.new_empty(rois.shape[0], *sizes)


@parse_args("v", "v", "f")
def symbolic_nms(g: Any, boxes: Any, scores: Any, iou_threshold: float) -> Any:
    boxes = symbolic_opset.unsqueeze(g, boxes, 0)
    scores = symbolic_opset.unsqueeze(g, symbolic_opset.unsqueeze(g, scores, 0), 0)
    most = g.op("Constant", value_t=torch.tensor([2**31], dtype=torch.long))
    threshold = g.op("Constant", value_t=torch.tensor([iou_threshold], dtype=torch.float))
    boxes = symbolic_opset.to(g, boxes, torch.float32) if g.opset < 11 else boxes
    found = g.op("NonMaxSuppression", boxes, scores, most, threshold)
    index = g.op("Constant", value_t=torch.tensor([2], dtype=torch.long))
    return symbolic_opset.squeeze(g, symbolic_opset.select(g, found, 1, index), 1)


@parse_args("v", "v", "f", "is", "b")
def symbolic_pool(g: Any, x: Any, rois: Any, scale: float, sizes: Any, aligned: bool) -> Any:
    assert (scale, sizes, aligned) == (0.5, [2, 2], True)
    batch = symbolic_helper._slice_helper(g, rois, [1], [0], [1])
    batch = symbolic_opset._cast_Long(g, symbolic_opset.squeeze(g, batch, 1), False)
    return g.op("acme::Pool", x, rois, batch, spatial_scale_f=scale, size_i=sizes)


@pytest.fixture
def registered() -> Iterator[None]:
    torch_onnx.register_custom_op_symbolic("legacy_tests::nms", symbolic_nms, 9)
    torch_onnx.register_custom_op_symbolic("legacy_tests::pool", symbolic_pool, 11)
    yield
    torch_onnx.unregister_custom_op_symbolic("legacy_tests::nms", 9)
    torch_onnx.unregister_custom_op_symbolic("legacy_tests::pool", 11)


class Detects(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        boxes = torch.cat([x[:, :2], x[:, :2] + 1], 1)
        return x[nms(boxes, x[:, 4], 0.5)]


class Pools(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return pool(x, x[:, :5], 0.5, [2, 2], True)


@pytest.mark.parametrize("strategy", ["auto", "export", "trace"])
@pytest.mark.usefixtures("registered")
def test_registered_symbolics(strategy: str) -> None:
    apart = torch.cat([torch.arange(0.0, 40, 10)[:, None].repeat(1, 4), torch.rand(4, 2)], 1)
    program = torch_onnx.export(Detects(), (apart,), dynamic_shapes=ROWS, strategy=strategy)
    assert not program.verify(apart[:2]).mismatches
    program = torch_onnx.export(Pools(), (X,), dynamic_shapes=ROWS, strategy=strategy)
    assert kinds(program)[-1] == "acme::Pool"
    torch_onnx.unregister_custom_op_symbolic("legacy_tests::nms", 9)
    with pytest.raises(errors.UnsupportedOperators, match="legacy_tests::nms"):
        torch_onnx.export(Detects(), (apart,), strategy=strategy)


def test_all_overloads_are_registered_from_an_opset_on() -> None:
    def add(g: Any, self: Any, other: Any, alpha: Any = None) -> Any:
        return g.op("acme::Add", self, other, alpha_f=symbolic_helper._scalar(alpha))

    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.add(x, 2, alpha=3) + x

    torch_onnx.register_custom_op_symbolic("aten::add", add, 14)
    try:
        newer = torch_onnx.export(Model(), (X,), opset_version=14)
        older = torch_onnx.export(Model(), (X,), opset_version=13, verify=True)
    finally:
        torch_onnx.unregister_custom_op_symbolic("aten::add", 14)
    assert kinds(newer) == ["acme::Add", "acme::Add"]
    assert "acme::Add" not in kinds(older)
    with pytest.raises(ValueError, match="write it as 'domain::operator'"):
        torch_onnx.register_custom_op_symbolic("add", add, 9)


def test_constants_that_are_needed_and_not_known_are_told() -> None:
    @parse_args("v", "v", "f")
    def needs_a_number(g: Any, boxes: Any, scores: Any, iou_threshold: float) -> Any:
        return symbolic_helper._get_const(scores, "f", "scores")

    torch_onnx.register_custom_op_symbolic("legacy_tests::nms", needs_a_number, 11)
    try:
        with pytest.raises(
            errors.UnsupportedOperators,
            match="argument 'scores' must be a constant, it is known at run time only",
        ):
            torch_onnx.export(Detects(), (X,))
    finally:
        torch_onnx.unregister_custom_op_symbolic("legacy_tests::nms", 11)
