"""The front end that runs a model's own Python: what it records, and what it refuses."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import torch_onnx
from releases import lacks
from torch_onnx import errors

X = torch.randn(4, 6)
ROWS = {"x": {0: "rows", 1: "columns"}}
OTHERS = (torch.randn(5, 9), torch.randn(2, 3), torch.randn(7, 16))


def record(
    fn: Callable[..., Any], *inputs: torch.Tensor, dynamic: Any = None
) -> torch_onnx.ONNXProgram:
    return torch_onnx.export(fn, inputs, dynamic_shapes=dynamic, strategy="record")


def padded_to_windows(x: torch.Tensor) -> torch.Tensor:
    added = (4 - x.shape[1] % 4) % 4
    padded = torch.nn.functional.pad(x, (0, added))
    return padded.view(x.shape[0], padded.shape[1] // 4, 4).sum(1)


def halves(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    middle = math.ceil(x.shape[1] / 2)
    return x[:, :middle], x[:, middle:]


def scaled(x: torch.Tensor) -> torch.Tensor:
    return x * x.shape[-1] ** -0.5 + x.size(0) / 3


def written(x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros(x.shape[0] + 1, x.shape[1], dtype=x.dtype)
    y[1:] = x
    y[0, ::2] += 2
    rows = y.view(-1)
    rows[: x.shape[1]].mul_(3)
    return y


def cut(x: torch.Tensor) -> torch.Tensor:
    first = x[:, :5]
    return first.reshape(first.shape[0] * first.shape[1]) + first.shape[1]


def last(x: torch.Tensor) -> torch.Tensor:
    return x[:, -3:].sum(1) + x[-1, 0] + x[..., None, :-1].mean()


def tensors_of_sizes(x: torch.Tensor) -> torch.Tensor:
    sizes = torch.tensor([x.shape[0], x.shape[1]])
    rows, columns = sizes.tolist()
    return torch.arange(rows * columns).view(rows, columns) + sizes.prod()


def constants_in_python(x: torch.Tensor) -> torch.Tensor:
    for rate in torch.linspace(0, 1, 3).tolist():
        if rate > 0.4:
            x = x + rate
    table = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    table[0] = 5
    return x * table[1, 0].item() + table.sum()


def gathered(x: torch.Tensor) -> torch.Tensor:
    index = torch.arange(x.shape[0] - 1, -1, -1)
    return x[index][:, [0, 2]] + x[:, None, 1]


def masked(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    chosen = x[x > 0]
    places = torch.nonzero(x[0] > 0)
    return chosen * 2, places.squeeze(1) + chosen.shape[0]


def item(x: torch.Tensor) -> torch.Tensor:
    return x + x.abs().sum().round().int().item()


def joined(x: torch.Tensor) -> torch.Tensor:
    y = torch.cat([x, x[:1]], dim=0)
    return torch.einsum("ij,kj->ik", y, x).flatten().repeat(2) + torch.stack([x.sum(), x.mean()])[0]


@pytest.mark.parametrize(
    "fn",
    [padded_to_windows, halves, scaled, written, cut, last, tensors_of_sizes, constants_in_python,
     gathered, masked, item, joined],
)  # fmt: skip
def test_records_what_sizes_and_python_compute(fn: Callable[..., Any]) -> None:
    program = record(fn, X, dynamic=ROWS)
    for x in (X, *OTHERS):
        program.verify(x)


def unrolled(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([x[i] * i for i in range(x.shape[0])])


def cast_to_int(x: torch.Tensor) -> torch.Tensor:
    return torch.zeros(int(x.shape[0] * 0.5)) + x.sum()


def by_numpy(x: torch.Tensor) -> torch.Tensor:
    return x.sum() + torch.from_numpy(np.arange(x.shape[1]))


def as_constant(x: torch.Tensor) -> torch.Tensor:
    return x * math.sqrt(x.shape[1])


@pytest.mark.parametrize("fn", [unrolled, cast_to_int, by_numpy, as_constant])
def test_a_size_that_became_a_constant_is_never_written(fn: Callable[..., Any]) -> None:
    with pytest.raises(errors.CaptureError, match=r"other sizes|plain number|outside of PyTorch"):
        record(fn, X, dynamic=ROWS)
    record(fn, X).verify(X)  # a size that is not dynamic may be one


def test_a_branch_on_sizes_may_decide_how_much_is_returned() -> None:
    def one_or_two(x: torch.Tensor) -> list[torch.Tensor]:
        if x.size(0) > 1:
            return [x, x + 1]
        return [x * 2]

    program = record(one_or_two, X, dynamic=({0: "rows"},))
    assert [value.name for value in program.model.graph.outputs] == ["output.0", "output.1"]
    assert any("x.size(0) > 1" in note for note in program.notes), program.notes
    program.verify(torch.randn(7, 6))


def test_branches_on_data_are_refused_with_the_line() -> None:
    def branches(x: torch.Tensor) -> torch.Tensor:
        return x + 1 if x.sum() > 0 else x - 1

    with pytest.raises(errors.CaptureError, match="a branch depends on data"):
        record(branches, X)


def test_checks_of_data_that_only_raise_are_left_out_and_told() -> None:
    def checked(x: torch.Tensor) -> torch.Tensor:
        if torch.any(x > 100):
            raise ValueError("too large")
        assert bool((x == x).all())
        torch._assert(x.shape[0] == 4, "four rows")
        torch._assert((x > -100).all(), "too small")
        return x + 1

    program = record(checked, X)
    program.verify(X)
    notes = [note for note in program.notes if note.startswith("does not check data at test_rec")]
    assert len(notes) == 3


def test_transformed_functions_go_to_another_front_end() -> None:
    def mapped(x: torch.Tensor) -> torch.Tensor:
        return torch.vmap(lambda row: row * row.sum())(x)

    with pytest.raises(errors.CaptureError, match="wrapped"):
        record(mapped, X)
    if lacks("2.9"):  # torch.export can't do it, and a trace would have the example's sizes
        with pytest.raises(errors.CaptureError, match=r"while the model ran|torch\.vmap"):
            torch_onnx.export(mapped, (X,), dynamic_shapes=ROWS)
    else:
        torch_onnx.export(mapped, (X,), dynamic_shapes=ROWS).verify(OTHERS[0])


class Stateful(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(6, 3)
        self.register_buffer("calls", torch.zeros(()))
        self.seen: list[torch.Tensor] = []
        self.table = torch.ones(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.last = self.inner(x)
        self.seen.append(self.last)
        return self.last * self.table


def test_a_module_is_left_as_it_was() -> None:
    model = Stateful()
    before = dict(model.__dict__)
    program = record(model, X, dynamic={"x": {0: "rows"}})
    assert model.__dict__ == before
    assert not model.seen
    assert float(model.calls) == 0
    assert [note for note in program.notes if "buffers calls" in note]
    names = {node.name for node in program.model.graph if node.op_type == "Gemm"}
    assert names == {"/inner/Gemm"}
    assert {"inner.weight", "inner.bias"} <= set(program.model.graph.initializers)


def test_autocast_regions_keep_their_dtypes() -> None:
    layer = torch.nn.Linear(6, 3)

    def model(x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return layer(x).float().softmax(-1)

    with torch.no_grad():
        expected = model(X)
    (got,) = record(model, X)(X)
    assert got.dtype == expected.dtype
    torch.testing.assert_close(got, expected, rtol=0.02, atol=0.02)


def test_only_dims_that_the_model_needs_alike_become_one() -> None:
    def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a @ b).flatten(1) + a.shape[0]

    axes = {"a": {0: None, 1: None, 2: None}, "b": {0: None, 1: None, 2: None}}
    dims = {name: dict.fromkeys(by_axis, torch.export.Dim.AUTO) for name, by_axis in axes.items()}
    program = record(product, torch.randn(3, 5, 5), torch.randn(3, 5, 3), dynamic=dims)
    first, second = (list(map(str, value.shape)) for value in program.model.graph.inputs)
    assert first[0] == second[0]
    assert first[2] == second[1]
    assert len({*first, *second}) == 4
    program.verify(torch.randn(2, 4, 7), torch.randn(2, 7, 6))


def test_the_smaller_of_two_sizes_is_neither() -> None:
    def reduced(x: torch.Tensor) -> torch.Tensor:
        q, _ = torch.linalg.qr(x)
        return q.sum() + q.shape[1]

    program = record(reduced, torch.randn(5, 3), dynamic=ROWS)
    program.verify(torch.randn(6, 4))
    program.verify(torch.randn(3, 8))


def test_a_tensor_of_one_number_is_a_tensor_first() -> None:
    """Sections, not one index: as many parts as its value says, which no ONNX model can give."""
    with pytest.raises(errors.CaptureError, match="depends on data"):
        record(lambda x, parts: x.tensor_split(parts), X, torch.tensor(2))
    program = record(lambda x, count: x.repeat(count, 2), X, torch.tensor(2))
    program.verify(X, torch.tensor(3))


@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8])
def test_a_flag_without_axes_is_a_mask(dtype: torch.dtype) -> None:
    def model(x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return x[mask], x[:, mask]

    program = record(model, X, torch.tensor(1, dtype=dtype))
    program.verify(X, torch.tensor(0, dtype=dtype))


def test_a_check_of_data_is_settled_at_sizes_that_fit() -> None:
    """At sizes that the model does not take it raises either way, which settles nothing."""

    def checked(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        if torch.any(b < 0):
            raise ValueError
        return a / b

    axes = {"a": {0: torch.export.Dim.AUTO}, "b": {0: torch.export.Dim.AUTO}}
    program = record(checked, torch.rand(5) + 1, torch.rand(5) + 1, dynamic=axes)
    program.verify(torch.rand(8) + 1, torch.rand(8) + 1)


def test_a_decomposition_holds_in_both_runs() -> None:
    """One that PyTorch branches in by size is none: it would be the example's alone."""
    library = torch.library.Library("decided_by_size", "FRAGMENT")
    library.define("pooled(Tensor x) -> Tensor")
    library.impl(
        "pooled",
        lambda x: x.relu() if x.shape[0] % 4 == 0 else x.neg(),
        "CompositeImplicitAutograd",
    )
    pooled = torch.ops.decided_by_size.pooled.default
    with pytest.raises(errors.UnsupportedOperators, match="decided_by_size::pooled"):
        record(lambda x: pooled(x), X, dynamic=({0: "rows"},))
    assert record(lambda x: pooled(x), X)(X)[0].equal(X.relu())


def test_a_module_may_be_converted_within() -> None:
    class Converts(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(6, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.layer = self.layer.to(torch.float32)
            return self.layer(x)

    model = Converts()
    record(model, X, dynamic={"x": {0: "rows"}}).verify(torch.randn(5, 6))
    assert isinstance(model.layer.weight, torch.nn.Parameter)


def test_a_tensor_tells_a_place() -> None:
    def at(x: torch.Tensor, i: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return x[i], x[:, i], x[i, 1:], x[..., i].sum(), x.select(1, i)

    program = record(at, X, torch.tensor(1), dynamic={"x": ROWS["x"], "i": None})
    for place in (0, 2, -1):
        program.verify(OTHERS[0], torch.tensor(place))


def test_calls_that_pytorch_takes_by_other_types() -> None:
    def calls(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        rows, columns = torch.where(x > 0)
        return torch.nn.functional.pad(x, (0, 2), value=True), rows, columns

    record(calls, X, dynamic=ROWS).verify(OTHERS[0])


def test_a_buffer_in_another_s_place_is_told() -> None:
    class Averages(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(6))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
            return x - self.mean

    model = Averages()
    with pytest.warns(errors.ModelNotes, match="does not keep what .* the buffers mean"):
        record(model, X, dynamic={"x": {0: "rows"}}).verify(torch.randn(5, 6))
    assert not model.mean.any()


def test_code_that_was_typed_in_is_the_users() -> None:
    made: dict[str, Any] = {}
    exec(
        compile("def doubles(x):\n    return x * 2 if x.shape[0] > 3 else x", "<stdin>", "exec"),
        made,
    )
    with pytest.warns(errors.ModelNotes, match=r"holds where rows > 3, .* <stdin>:2"):
        record(made["doubles"], X, dynamic={"x": {0: "rows"}})


@functools.lru_cache
def places(rows: int) -> torch.Tensor:
    return torch.arange(rows).unsqueeze(1)


@pytest.mark.parametrize("strategy", ["record", "export"])
def test_no_stand_in_stays_in_a_cache(strategy: str) -> None:
    def from_a_cache(x: torch.Tensor) -> torch.Tensor:
        return x + places(x.shape[0])

    for _ in range(2):
        torch_onnx.export(from_a_cache, (X,), strategy=strategy)
        assert type(from_a_cache(X)) is torch.Tensor


@pytest.mark.parametrize(("batch", "length", "past"), [(1, 1, 3), (1, 1, 1), (2, 1, 2), (1, 2, 1)])
def test_a_mask_is_as_long_as_past_and_present(batch: int, length: int, past: int) -> None:
    def inputs(batch: int, length: int, past: int) -> tuple[torch.Tensor, ...]:
        x, cache = torch.randn(batch, length, 4), torch.randn(batch, past, 4)
        return x, cache, torch.rand(batch, length + past)

    def masked(x: torch.Tensor, cache: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        keys = torch.cat([cache, x], 1)
        missing = keys.shape[1] - mask.shape[1]
        if missing > 0:
            mask = torch.nn.functional.pad(mask, (0, missing))
        return (x @ keys.mT + mask[:, None]).softmax(-1) @ keys

    dims = {"x": {0: "b", 1: "n"}, "cache": {0: "b", 1: "p"}, "mask": {0: "b", 1: "t"}}
    with pytest.warns(errors.ModelNotes, match=r"needs mask, axis 1 \(t\) to be n \+ p"):
        program = record(masked, *inputs(batch, length, past), dynamic=dims)
    for sizes in ((2, 1, 5), (1, 3, 2), (3, 1, 1)):
        program.verify(*inputs(*sizes))
