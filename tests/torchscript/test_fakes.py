"""Types of results for sizes that are known at run time only."""

from __future__ import annotations

import torch

from torch_onnx import compat
from torch_onnx.capture.assumptions import DynamicAxis
from torch_onnx.capture.binding import operator_named
from torch_onnx.capture.torchscript.fakes import Fakes


def test_views_at_unknown_places_look_at_their_base() -> None:
    fakes = Fakes()
    x = fakes.constant(torch.ones(3, 4))
    with compat.quiet():
        # PyTorch takes a plain number here, so the result is found from examples.
        diagonal = fakes.run(torch.ops.aten.diagonal.default, [x, fakes.unknown_size()], {})
    assert compat.is_unknown(diagonal.shape[0])
    assert diagonal.stride() == (5,)
    assert compat.same_storage(diagonal, x)


def test_linear_is_typed_as_pytorch_types_it() -> None:
    with compat.sizes_of_one_stay_dynamic():
        fakes = Fakes()
        x = torch.ones(2, 5, 3)
        (fake,) = fakes.inputs([x], {0: {0: DynamicAxis("n", None, None)}})
        weight, bias = (fakes.constant(torch.ones(*shape)) for shape in ((4, 3), (4,)))
        turned = fakes.run(torch.ops.aten.transpose.int, [fake, 0, 1], {})
        for args in ([fake, weight, bias], [turned, weight], [weight, weight], [bias[:3], weight]):
            op = operator_named("aten::linear")
            assert op is not None
            told = fakes.result(op, args, {}, in_branch=False)
            found = fakes.run(op.target, args, {})
            assert (told.dtype, told.shape, told.stride()) == (
                (found.dtype, found.shape, found.stride())
            )


def test_results_of_one_type_share_their_stand_in() -> None:
    fakes = Fakes()
    x = fakes.constant(torch.ones(3, 4))
    add, view, clone = (
        operator_named(f"aten::{name}") for name in ("add.Tensor", "view", "contiguous")
    )
    assert add is not None
    assert view is not None
    assert clone is not None
    first = fakes.result(add, [x, x], {}, in_branch=False)
    assert fakes.result(add, [first, x], {}, in_branch=False) is first
    turned = fakes.run(torch.ops.aten.t.default, [first], {})
    # A copy of what looks at the first must not seem to look at it as well.
    copied = fakes.result(clone, [turned], {}, in_branch=False)
    flat = fakes.result(view, [copied, [12]], {}, in_branch=False)
    assert not compat.same_storage(copied, first)
    assert compat.same_storage(flat, copied)
