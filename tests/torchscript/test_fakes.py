"""Types of results for sizes that are known at run time only."""

from __future__ import annotations

import torch

from torch_onnx import compat
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
