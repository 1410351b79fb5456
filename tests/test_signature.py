"""What goes in and out: structures, names, dynamic dims, and what users get wrong."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple
from typing import Any

import pytest
import torch
from torch.export import Dim
from transformers import DynamicCache
from transformers.modeling_outputs import BaseModelOutput

from torch_onnx import errors, signature
from torch_onnx.signature import AxisSpec

X = torch.ones(2, 3)


@dataclasses.dataclass
class Boxes:
    corners: torch.Tensor
    labels: torch.Tensor | None
    scale: float = 1.0


Pair = namedtuple("Pair", "left right")


def cache() -> DynamicCache:
    made = DynamicCache()
    for layer in range(2):
        made.update(torch.randn(2, 4, 5, 8), torch.randn(2, 4, 5, 8), layer)
    return made


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"a": X, "b": [X, None, 3]}, ["v.a", "v.b.0"]),
        (OrderedDict(a=X), ["v.a"]),
        (Pair(X, (X, X)), ["v.left", "v.right.0", "v.right.1"]),
        (Boxes(X, None), ["v.corners"]),
        (BaseModelOutput(last_hidden_state=X), ["v.last_hidden_state"]),
        (cache(), ["v.0.key", "v.0.value", "v.1.key", "v.1.value"]),
        (torch.nn.Linear(2, 2), []),
        ("text", []),
    ],
    ids=lambda v: type(v).__name__,
)
def test_flatten_names_and_rebuilds(value: Any, names: list[str]) -> None:
    leaves, structure = signature.flatten(value, ("v",))
    assert [leaf.name for leaf in leaves] == names
    rebuilt = structure.unflatten([leaf.value + 1 for leaf in leaves])
    assert type(rebuilt) is type(value)
    again, _ = signature.flatten(rebuilt, ("v",))
    for before, after in zip(leaves, again, strict=True):
        torch.testing.assert_close(after.value, before.value + 1)


def test_an_empty_cache_is_not_shared_between_runs() -> None:
    empty = DynamicCache()
    _, structure = signature.flatten(empty)
    structure.unflatten([]).update(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1), 0)
    assert empty.get_seq_length() == 0


class Model(torch.nn.Module):
    def forward(self, x: Any, y: Any = None, *rest: Any, flag: bool = True, **more: Any) -> Any:
        return x


@pytest.mark.parametrize(
    ("args", "kwargs", "names"),
    [
        (X, None, ["x"]),
        ((X, X), None, ["x", "y"]),
        ((X, X, X), None, ["x", "y", "rest.0"]),
        ((X, {"y": X}), None, ["x", "y"]),
        ((X, {"y": X}, {}), None, ["x", "y.y"]),
        ((X,), {"other": X}, ["x", "other"]),
        ((), {"x": [X, X], "flag": False}, ["x.0", "x.1"]),
    ],
)
def test_inputs_are_named_by_forward(args: Any, kwargs: Any, names: list[str]) -> None:
    bound = signature.bind(Model(), args, kwargs)
    assert signature.name_inputs(bound.leaves, None) == names


def two(shapes: Any = None, axes: Any = None) -> dict[int, dict[int, AxisSpec]]:
    def forward(a: Any, b: Any) -> None: ...

    bound = signature.bind(forward, (X, [X, X]), None)
    names = signature.name_inputs(bound.leaves, ["first"])
    return signature.settle_dynamic(bound, names, shapes, axes).inputs


BATCH = AxisSpec("batch")


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ({"a": {0: "batch"}}, {0: {0: BATCH}}),
        ({"first": {0: "batch"}}, {0: {0: BATCH}}),
        ({"a": {-2: "batch"}, "b": None}, {0: {0: BATCH}}),
        ({"a": ["batch", None]}, {0: {0: BATCH}}),
        (({0: "batch"}, [None, {0: "batch", 1: Dim.AUTO}]), {0: {0: BATCH}, 2: {0: BATCH, 1: AxisSpec()}}),
        ({"b": [{0: Dim("batch", min=2, max=9)}, None]}, {1: {0: AxisSpec("batch", 2, 9)}}),
        ({"b.1": {0: Dim.DYNAMIC}}, {2: {0: AxisSpec()}}),
        ({"a": {0: Dim.STATIC, 1: 3}}, {}),
    ],
)  # fmt: skip
def test_dynamic_shapes_in_every_form(shapes: Any, expected: Any) -> None:
    assert two(shapes) == expected


def test_dynamic_axes() -> None:
    assert two(axes={"first": [0], "b.0": {0: "batch"}}) == {0: {0: AxisSpec()}, 1: {0: BATCH}}


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"z": {0: "n"}}, "names 'z'; the model's inputs are a, b, first"),
        ({"a": {5: "n"}}, r"'first' has axis 5, the example has 2 axes: \[2, 3\]"),
        ({"a": {0: "n", -2: "m"}}, "has axis 0 twice"),
        ({"a": {0: "n", 1: "n"}}, "'n' is 2 in axis 0 of 'first' and 3 in axis 1 of 'first'"),
        ({"a": {0: 7}}, "fixes axis 0 of 'first' to 7, the example has 2"),
        ({"a": {0: Dim("n", min=4)}}, "outside of n's range 4"),
        (({0: "n"}, None, None), "has 3 entries, the call has 2 arguments"),
        ({0: "n"}, "names axes, but the model has 3 inputs"),
    ],
)
def test_dynamic_shapes_that_do_not_fit(shapes: Any, message: str) -> None:
    with pytest.raises(errors.DynamicShapeError, match=message):
        two(shapes)


def test_arguments_that_do_not_fit() -> None:
    class Strict(torch.nn.Module):
        def forward(self, x: Any, y: Any) -> Any:
            return x

    with pytest.raises(errors.InputError) as caught:
        signature.bind(Strict(), (X,), {"z": X})
    text = str(caught.value)
    assert "Strict.forward" in text
    assert "it takes (x: 'Any', y: 'Any')" in text
    assert "it was given (Tensor, z=)" in text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["a", "b", "c"], "has 3 names, the model has 2 inputs: x, y"),
        (["a", "a"], "has 'a' twice"),
        ([""], "is empty"),
    ],
)
def test_input_names_that_do_not_fit(given: list[str], message: str) -> None:
    bound = signature.bind(Model(), (X, X), None)
    with pytest.raises(errors.SignatureError, match=message):
        signature.name_inputs(bound.leaves, given)


def test_output_names() -> None:
    assert signature.name_outputs([()], None, ["x"]) == ["output"]
    assert signature.name_outputs([("0",), ("1",)], None, ["x"]) == ["output.0", "output.1"]
    assert signature.name_outputs([("h",), ("x",)], None, ["x"]) == ["h", "x.out"]
    with pytest.raises(errors.SignatureError, match="is the name of an input"):
        signature.name_outputs([("h",)], ["x"], ["x"])
