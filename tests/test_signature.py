"""What goes in and out: structures, names, dynamic dims, and what users get wrong."""

from __future__ import annotations

import dataclasses
import functools
from collections import OrderedDict, UserDict, deque, namedtuple
from typing import Any

import numpy as np
import pytest
import torch
from torch.export import Dim
from transformers import (
    DynamicCache,
    EncoderDecoderCache,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)
from transformers.modeling_outputs import BaseModelOutput

from releases import runnable, since
from torch_onnx import errors, signature
from torch_onnx.signature import AxisSpec

X = torch.ones(2, 3)


@dataclasses.dataclass
class Boxes:
    corners: torch.Tensor
    labels: torch.Tensor | None
    scale: float = 1.0


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x


class OlderCache:
    """The layout of caches in transformers before 4.54."""

    def __init__(self) -> None:
        self.key_cache = [torch.randn(2, 4, 5, 8) for _ in range(2)]
        self.value_cache = [torch.randn(2, 4, 5, 8) for _ in range(2)]


Pair = namedtuple("Pair", "left right")
SIZES: dict[str, Any] = {
    "vocab_size": 32, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8,
}  # fmt: skip
MISTRAL = MistralConfig(**SIZES, sliding_window=8)


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
        (
            EncoderDecoderCache(cache(), cache()),
            [
                f"v.{c}_attention_cache.{i}.{kv}"
                for c in ("self", "cross")
                for i in (0, 1)
                for kv in ("key", "value")
            ],
        ),
        (deque([X, X], maxlen=2), ["v.0", "v.1"]),
        (UserDict(a=X), ["v.a"]),
        (Frozen(X), ["v.x"]),
        (Slotted(X), ["v.x"]),
        (OlderCache(), ["v.0.key", "v.0.value", "v.1.key", "v.1.value"]),
        (np.ones((2, 3))[::-1], ["v"]),
        (torch.nn.Linear(2, 2), []),
        ("text", []),
    ],
    ids=lambda v: type(v).__name__,
)
def test_flatten_names_and_rebuilds(value: Any, names: list[str]) -> None:
    leaves, structure = signature.flatten(value, ("v",))
    assert [leaf.name for leaf in leaves] == names
    rebuilt = structure.unflatten([leaf.value + 1 for leaf in leaves])
    assert type(rebuilt) is (torch.Tensor if isinstance(value, np.ndarray) else type(value))
    # The original holds what it held.
    for before, now in zip(leaves, signature.flatten(value, ("v",))[0], strict=True):
        torch.testing.assert_close(before.value, now.value)
    again, _ = signature.flatten(rebuilt, ("v",))
    for before, after in zip(leaves, again, strict=True):
        torch.testing.assert_close(after.value, before.value + 1)


def test_an_object_held_twice_stays_one_also_in_a_circle() -> None:
    outer = Frozen(X)
    inner = Slotted(X)
    inner.x = {"parent": outer, "tensor": X}  # type: ignore[assignment]
    object.__setattr__(outer, "x", [inner, inner])
    leaves, structure = signature.flatten(outer)
    assert [leaf.name for leaf in leaves] == ["x.0.x.tensor"]
    new: Any = structure.unflatten([X + 1])
    assert new is not outer
    assert new.x[0] is new.x[1]
    assert new.x[0].x["parent"] is new


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({X}, "v is a set that holds tensors"),
        ((t for t in [X]), "v is a generator, which can be read once only"),
    ],
)
def test_containers_that_can_not_be_rebuilt(value: Any, message: str) -> None:
    with pytest.raises(errors.InputError, match=message):
        signature.flatten(value, ("v",))


def test_outputs_are_tensors_and_numbers_but_no_bookkeeping_of_caches() -> None:
    value = {"logits": X, "count": 3, "none": None, "past": cache()}
    leaves, _ = signature.flatten(value, numbers_are_leaves=True)
    names = ["logits", "count", "past.0.key", "past.0.value", "past.1.key", "past.1.value"]
    assert [leaf.name for leaf in leaves] == names


def sliding(positions: int) -> DynamicCache:
    made = DynamicCache(config=MISTRAL)
    for layer in range(2):
        made.update(torch.randn(2, 2, positions, 8), torch.randn(2, 2, positions, 8), layer)
    return made


def test_a_count_of_positions_follows_the_tensors() -> None:
    leaves, structure = signature.flatten(sliding(3))
    longer = structure.unflatten([torch.cat([leaf.value] * 2, 2) for leaf in leaves])
    assert longer.get_seq_length() == 6
    with pytest.raises(errors.InputError, match="has seen 20 positions and holds 7"):
        signature.flatten(sliding(20))


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
        ((X, {"other": X}), None, ["x", "other"]),
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
TWICE = AxisSpec("2*n", derived=(2, 0, "n"))


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ({"a": {0: "batch"}}, {0: {0: BATCH}}),
        ({"first": {0: "batch"}}, {0: {0: BATCH}}),
        ({"a": {-2: "batch"}, "b": None}, {0: {0: BATCH}}),
        ({"a": ["batch", None]}, {0: {0: BATCH}}),
        (
            ({0: "batch"}, [None, {0: "batch", 1: Dim.AUTO}]),
            {0: {0: BATCH}, 2: {0: BATCH, 1: AxisSpec()}},
        ),
        ({"b": [{0: Dim("batch", min=2, max=9)}, None]}, {1: {0: AxisSpec("batch", 2, 9)}}),
        ({"b.1": {0: Dim.DYNAMIC}}, {2: {0: AxisSpec()}}),
        ({"a": {0: Dim.STATIC, 1: 3}}, {}),
        ({"a": (2 * Dim("n"), Dim("n") * 2 + 1), "b": [{0: 2 * Dim("n")}, None]},
         {0: {0: TWICE, 1: AxisSpec("2*n + 1", 1, None, (2, 1, "n"))}, 1: {0: TWICE}}),
    ],
)  # fmt: skip
def test_dynamic_shapes_in_every_form(shapes: Any, expected: Any) -> None:
    assert two(shapes) == expected


@since("2.8", "Dim.AUTO takes no bounds before")
def test_automatic_dims_with_bounds() -> None:
    shapes = {"a": None, "b": ({0: "batch"}, (None, Dim.AUTO(min=2)))}
    assert two(shapes) == {1: {0: BATCH}, 2: {1: AxisSpec(None, 2)}}


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
        (({0: "n"}, None, None), "has 3 entries, the call has 2 arguments: a, b"),
        (({0: "n"},), "has 1 entries, the call has 2 arguments: a, b"),
        ({"a": ["n"]}, "has 1 entries, the example has 2 axes"),
        ({"a": "n"}, "write {axis: name}"),
        ({"b": [{0: "n"}]}, r"does not fit its structure: it holds 2 tensors \(b.0, b.1\)"),
        ({"b": {"z": {0: "n"}}}, "does not fit its structure"),
        ({"a": {0: Dim("n"), 1: 2 * Dim("n")}}, r"'2\*n' is 3 in axis 1 of 'first', but 'n' is 2"),
        ({"a": {1: 2 * Dim("n")}}, "no 'n' gives that"),
        ({0: "n"}, "names axes, but the model has 3 inputs"),
    ],
)
def test_dynamic_shapes_that_do_not_fit(shapes: Any, message: str) -> None:
    with pytest.raises(errors.DynamicShapeError, match=message):
        two(shapes)


def test_dynamic_axes_and_dynamic_shapes_add_up() -> None:
    assert two({"a": {0: "batch"}}, {"b.0": [0], "first": [0]}) == {
        0: {0: BATCH},
        1: {0: AxisSpec()},
    }
    with pytest.raises(errors.DynamicShapeError, match="is given twice: n, batch"):
        two({"a": {0: "batch"}}, {"first": {0: "n"}})
    with pytest.raises(errors.DynamicShapeError, match="is '0': write"):
        two(axes={"first": "0"})


def test_dynamic_shapes_of_variable_arguments_and_of_a_collection() -> None:
    y, z = X + 1, X + 2
    bound = signature.bind(Model(), (X, None, y, z), {"other": [X], "flag": False})
    names = signature.name_inputs(bound.leaves, None)
    assert names == ["x", "rest.0", "rest.1", "other.0"]

    def inputs(shapes: Any) -> Any:
        return signature.settle_dynamic(bound, names, shapes, None).inputs

    batch = {0: "batch"}
    expected = {1: {0: BATCH}, 3: {0: BATCH}}
    assert inputs({"rest": (batch, None), "other": [batch]}) == expected
    assert inputs({"rest": (batch, None), "more": {"other": [batch]}}) == expected
    assert inputs((None, None, (batch, None), None, [batch])) == expected
    collection = torch.export.ShapesCollection()
    collection[z] = batch
    assert inputs(collection) == {2: {0: BATCH}}
    assert len(collection) == 1
    collection[torch.ones(2)] = batch
    with pytest.raises(errors.DynamicShapeError, match="1 tensors that are not among"):
        inputs(collection)
    with pytest.raises(errors.DynamicShapeError, match="flag, which holds no tensor"):
        inputs({"flag": batch})


K, V, N = {0: "k"}, {1: "v"}, {}  # type: ignore[var-annotated]


@pytest.mark.parametrize(
    "spec",
    [
        [K, V, K, V],
        [(K, V), {"key": K, "value": V}],
        {"key_cache": [K, K], "value_cache": [V, V]},
        {"0": {"key": K, "value": V}, "1.key": K, "1": {"value": V}},
    ],
)
def test_dynamic_shapes_of_a_cache(spec: Any) -> None:
    bound = signature.bind(lambda past: None, (cache(),), None)
    names = signature.name_inputs(bound.leaves, None)
    found = signature.settle_dynamic(bound, names, {"past": spec}, None).inputs
    assert {i: [s.name for s in axes.values()] for i, axes in found.items()} == {
        0: ["k"], 1: ["v"], 2: ["k"], 3: ["v"],
    }  # fmt: skip
    with pytest.raises(errors.DynamicShapeError, match="can be read as a pair for each layer"):
        signature.settle_dynamic(bound, names, {"past": [[K, K], [V, V]]}, None)


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
        (["y"], r"input_names\[0\] calls 'x' 'y', which is the name of input 1"),
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
    with pytest.raises(errors.SignatureError, match="returns no tensor"):
        signature.name_outputs([], None, ["x"])


def flat_export(model: Any, args: Any, kwargs: Any, shapes: Any, other: Any) -> list[str]:
    """Export flat, run on another example, and compare with the model itself."""
    bound = signature.bind(model, args, kwargs)
    names = signature.name_inputs(bound.leaves, None)
    dynamic = signature.settle_dynamic(bound, names, shapes, None).inputs
    flat = signature.FlatModule(model, bound)
    axes = tuple(dict.fromkeys(dynamic.get(i, {}), Dim.AUTO) for i in range(len(names)))
    program = torch.export.export(flat, tuple(bound.tensors), dynamic_shapes=(axes,), strict=False)
    again = signature.bind(model, other, kwargs if isinstance(other, tuple) else None)
    found = runnable(program)(*again.tensors)
    expected, _ = signature.flatten(again.call(model, again.tensors), numbers_are_leaves=True)
    assert len(found) == len(expected)
    for a, leaf in zip(found, expected, strict=True):
        torch.testing.assert_close(a, leaf.value)
    return names + signature.name_outputs(flat.outputs.paths, None, names)


def past(config: Any, batch: int, positions: int) -> DynamicCache:
    made = DynamicCache(config=config)
    for layer in range(2):
        states = torch.randn(2, batch, 2, positions, 8)
        made.update(states[0], states[1], layer)
    return made


@pytest.mark.parametrize(
    "model",
    [LlamaForCausalLM(LlamaConfig(**SIZES)), MistralForCausalLM(MISTRAL)],
    ids=["llama", "mistral"],
)  # fmt: skip
def test_a_cache_goes_in_and_out(model: Any) -> None:
    def call(batch: int, positions: int) -> dict[str, Any]:
        cached = past(model.config, batch, positions)
        return {"input_ids": torch.randint(0, 32, (batch, 1)), "past_key_values": cached}

    model.eval()
    example = call(2, 3)
    key = {0: "batch", 2: "past"}
    names = flat_export(
        model, (), example, {"input_ids": {0: "batch"}, "past_key_values": [key] * 4}, call(5, 5)
    )
    cached = [f"past_key_values.{i}.{kind}" for i in (0, 1) for kind in ("key", "value")]
    # transformers 5.24 calls the result `cache`.
    given_back = {
        tuple(f"{name}.out" for name in cached),
        tuple(name.replace("past_key_values", "cache") for name in cached),
    }
    assert names[: -len(cached)] == ["input_ids", *cached, "logits"]
    assert tuple(names[-len(cached) :]) in given_back
    assert example["past_key_values"].get_seq_length() == 3


def test_dataclasses_none_numbers_and_outputs_that_are_inputs() -> None:
    class Boxer(torch.nn.Module):
        def forward(self, boxes: Boxes, options: dict[str, Any], same: Any) -> dict[str, Any]:
            moved = boxes.corners * boxes.scale + options["shift"][0]
            return {
                "boxes": Boxes(moved, same),
                "same": same,
                "count": moved.shape[0],
                "none": None,
            }

    names = flat_export(
        Boxer(), (Boxes(X, None, 2.0), {"shift": (X, None), "mode": "a"}, X), None,
        {"boxes": {"corners": {0: "n"}}, "options": {"shift": ({0: "n"}, None)}, "same": {0: "n"}},
        (Boxes(torch.ones(5, 3), None, 2.0), {"shift": (torch.ones(5, 3), None), "mode": "a"},
         torch.zeros(5, 3)),
    )  # fmt: skip
    assert names == [
        "boxes.corners", "options.shift.0", "same",
        "boxes.corners.out", "boxes.labels", "boxes.scale", "same.out", "count",
    ]  # fmt: skip


def test_modules_within_callables_keep_the_names_of_their_weights() -> None:
    inner, head = torch.nn.Linear(3, 3), torch.nn.Linear(3, 1)
    owner = torch.nn.Sequential(inner)

    def names(model: Any) -> set[str]:
        return set(signature.FlatModule(model, signature.bind(model, X, None)).state_dict())

    assert names(owner.forward) == {"model.0.weight", "model.0.bias"}
    assert names(functools.partial(inner)) == {"model.weight", "model.bias"}
    both = {f"model.{m}.{p}" for m in ("owner.0", "head") for p in ("weight", "bias")}
    assert names(lambda x: head(owner(inner(x)))) == both
