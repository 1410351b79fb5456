"""Branches and loops: settled ones are followed, others become an If or a Loop."""

from __future__ import annotations

from typing import Any

import torch

from torch_onnx.capture.quantized import Quantized
from torch_onnx.capture.torchscript.interpreter import Handler, Interpreter, Raised
from torch_onnx.capture.torchscript.python_ops import UNINITIALIZED, is_run_time, is_tensor
from torch_onnx.capture.torchscript.scalars import Scalar, Vector
from torch_onnx.graph import Argument, Block, Call, Value

# Loops of a known length are written out; one that does not end is an error after this many turns.
LARGEST_LOOP = 10_000
TRIES = 4


def branch(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """``prim::If``: condition; then and else blocks without inputs."""
    condition = run.item(inputs[0])
    first, second = node.blocks()
    outputs = list(node.outputs())
    if not isinstance(condition, Value):
        results = run.block(first if condition else second, [])
        return results if len(outputs) != 1 else results[0]
    taken = [_attempt(run, block) for block in (first, second)]
    raised = [result for result in taken if isinstance(result, Raised)]
    if len(raised) == 2:
        raise raised[0]
    if raised:
        run.notes.append(f"lacks an assertion ({raised[0].source.frame}): {raised[0]}")
        results = run.block(second if taken[0] is raised[0] else first, [])
        return results if len(outputs) != 1 else results[0]
    (calls_a, results_a), (calls_b, results_b) = taken  # type: ignore[misc]
    merge = _Merge(run)
    merged = [merge.pair(a, b) for a, b in zip(results_a, results_b, strict=True)]
    if merge.made or calls_a or calls_b:
        blocks = [Block([], calls_a, merge.left), Block([], calls_b, merge.right)]
        run.control("python::if", {"condition": condition}, blocks, merge.made)
    return merged if len(outputs) != 1 else merged[0]


def _attempt(run: Interpreter, block: Any) -> tuple[list[Call], list[Any]] | Raised:
    """A branch as a body of its own, or that it raises."""
    try:
        return run.in_branch(block, [])
    except Raised as raised:
        return raised


class _Merge:
    """One value for each pair that two branches give; what differs is an output of the If."""

    def __init__(self, run: Interpreter) -> None:
        self.run = run
        self.made: list[Value] = []
        self.left: list[Argument] = []
        self.right: list[Argument] = []

    def pair(self, a: Any, b: Any) -> Any:
        if a is UNINITIALIZED or b is UNINITIALIZED:
            return b if a is UNINITIALIZED else a
        if a is b:
            return a
        if isinstance(a, (Scalar, Vector)) or isinstance(b, (Scalar, Vector)):
            if isinstance(a, Scalar) and isinstance(b, Scalar):
                return Scalar(self.pair(a.number, b.number))
        same_kind = isinstance(a, (list, tuple)) and type(a) is type(b) and len(a) == len(b)
        if same_kind:
            return type(a)(self.pair(x, y) for x, y in zip(a, b, strict=True))
        if is_tensor(a) and is_tensor(b):
            return self._tensor(a, b)
        if _is_number(a) and _is_number(b):
            if not is_run_time(a) and not is_run_time(b) and type(a) is type(b) and a == b:
                return a
            return self._number(a, b)
        if type(a) is type(b) and not isinstance(a, (list, tuple, dict, Value)) and a == b:
            return a
        raise self.run.error(
            "Two branches that are decided at run time give values of different kinds: "
            f"{_kind_of(a)} and {_kind_of(b)}."
        )

    def _add(self, fake: Any, a: Argument, b: Argument) -> Value:
        value = self.run.value(fake)
        self.made.append(value)
        self.left.append(a)
        self.right.append(b)
        return value

    def _tensor(self, a: Any, b: Any) -> Value:
        x, y = self.run.tensor(a), self.run.tensor(b)
        if x.fake.dtype != y.fake.dtype or x.fake.dim() != y.fake.dim():
            raise self.run.error(
                "Two branches that are decided at run time give tensors of different types: "
                f"{_type_of(x)} and {_type_of(y)}."
            )
        value = self._add(joined(self.run, x.fake, y.fake), x, y)
        if isinstance(x, Quantized) and isinstance(y, Quantized) and x.scheme == y.scheme:
            value = self.made[-1] = x.like(value)
        return value

    def _number(self, a: Any, b: Any) -> Value:
        kinds = {number_kind(n) for n in (a, b)}
        return self._add(
            unknown_number(self.run, "float" if "float" in kinds else min(kinds)), a, b
        )


def _is_number(value: Any) -> bool:
    return is_run_time(value) or isinstance(value, (bool, int, float))


def number_kind(value: Any) -> str:
    return value.kind if isinstance(value, Value) else type(value).__name__


def unknown_number(run: Interpreter, kind: str) -> Any:
    """A stand-in for a number that no size settles."""
    dtype = {"int": torch.int64, "float": torch.float64, "bool": torch.bool}[kind]
    with run.fakes.mode:
        return torch.empty((), dtype=dtype).item()


def joined(run: Interpreter, x: Any, y: Any) -> Any:
    """The type of a tensor that is one of two: sizes that differ are unknown."""
    sizes = []
    for m, n in zip(x.shape, y.shape, strict=True):
        same = run.dims.size(m) == run.dims.size(n)
        sizes.append(m if same else run.fakes.unknown_size())
    with run.fakes.mode:
        return torch.empty(sizes, dtype=x.dtype)


def _kind_of(value: Any) -> str:
    if isinstance(value, Value):
        return _type_of(value) if value.kind == "tensor" else f"a number ({value.kind})"
    return f"{type(value).__name__} {value!r}"[:60]


def _type_of(value: Value) -> str:
    shape = ", ".join(map(str, value.shape or ()))
    return f"{str(value.dtype).removeprefix('torch.')}[{shape}]"


def loop(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """``prim::Loop``: trip count, condition, carried values; the block gives the next ones."""
    trips, condition, *carried = inputs
    trips, condition = run.item(trips), run.item(condition)
    (body,) = node.blocks()
    outputs = list(node.outputs())
    turn = 0
    if not isinstance(trips, Value):
        # Written out as long as all that decides about the next turn is known.
        while not isinstance(condition, Value) and condition and turn < trips:
            if turn >= LARGEST_LOOP:
                raise run.error(f"A loop of known length takes more than {LARGEST_LOOP} turns.")
            before = len(run.calls)
            condition, *carried = run.block(body, [turn, *carried])
            condition = run.item(condition)
            turn += 1
            if isinstance(condition, Value) and turn == 1:
                # A condition on data: taken back, for the Loop has this turn as well.
                del run.calls[before:]
                condition, turn, carried = True, 0, list(inputs[2:])
                break
        if not isinstance(condition, Value) and (not condition or turn >= trips):
            return carried if len(outputs) != 1 else carried[0]
    results = _run_time_loop(run, body, trips, condition, carried)
    return results if len(outputs) != 1 else results[0]


def _run_time_loop(
    run: Interpreter, body: Any, trips: Any, condition: Any, carried: list[Any]
) -> list[Any]:
    shape = _Carried(run, carried)
    for _ in range(TRIES):
        index = run.value(unknown_number(run, "int"))
        inside = shape.inside()
        calls, (again, *after) = run.in_branch(body, [index, *inside])
        if shape.fits(after):
            break
    else:
        raise run.error("A loop changes the types of what it carries at every turn.")
    new = shape.leaves_of(after)
    block = Block([index, *shape.values], calls, [run.item(again), *new])
    made = shape.results()
    args = {
        "trips": None if isinstance(trips, int) and trips >= 2**62 else trips,
        "condition": condition,
        "carried": shape.leaves_of(carried),
    }
    run.control("python::loop", args, [block], made)
    return shape.rebuilt(made)


class _Carried:
    """What a loop carries from turn to turn: which leaves change, and the types that hold always.

    Leaves are tensors and numbers within tuples and lists of fixed length. One that every turn
    leaves as it is (a weight, None, a string) is not carried.
    """

    def __init__(self, run: Interpreter, start: list[Any]) -> None:
        self.run = run
        self.start = start
        self.values: list[Value] = []
        self.types: list[Any] = [self._fake(leaf) for leaf in _flat(start)]
        self.changes = [isinstance(leaf, (Value, Scalar, Vector)) for leaf in _flat(start)]
        self.free: set[tuple[int, int]] = set()
        """The axes, by leaf, whose sizes may be others at each turn."""

    def _fake(self, leaf: Any) -> Any:
        if isinstance(leaf, (Scalar, Vector)):
            return self.run.tensor(leaf).fake
        if isinstance(leaf, Value):
            return leaf.fake if leaf.kind == "tensor" else unknown_number(self.run, leaf.kind)
        return None

    def inside(self) -> list[Any]:
        """The carried values as the body sees them."""
        self.values = []
        leaves = []
        for leaf, fake, changes in zip(_flat(self.start), self.types, self.changes, strict=True):
            if not changes:
                leaves.append(leaf)
                continue
            value = self.run.value(fake)
            self.values.append(value)
            leaves.append(value)
        return list(_unflat(self.start, iter(leaves)))

    def fits(self, after: list[Any]) -> bool:
        """Whether the body gives back what it was given; what does not fit is widened."""
        before, now = _flat(self.start), _flat(after)
        if len(before) != len(now):
            raise self.run.error(
                "A list grows in a loop whose number of turns is known at run time only.",
                "Fill a tensor of known size, or give the loop a known number of turns.",
            )
        fit = True
        for i, (old, new) in enumerate(zip(before, now, strict=True)):
            if not self.changes[i]:
                if new is not old and not _equal(new, old):
                    self.changes[i], fit = True, False
                    self.types[i] = self._widened(old, new)
                continue
            if is_tensor(new):
                fake, seen = self.run.tensor(new).fake, self.types[i]
                if (
                    not isinstance(seen, torch.Tensor)
                    or fake.dtype != seen.dtype
                    or (fake.dim() != seen.dim())
                ):
                    raise self.run.error("A loop changes the type of a tensor that it carries.")
                sizes = zip(fake.shape, seen.shape, strict=True)
                differ = {
                    (i, axis)
                    for axis, (m, n) in enumerate(sizes)
                    if self.run.dims.size(m) != self.run.dims.size(n)
                }
                if differ - self.free:
                    self.types[i], fit = joined(self.run, seen, fake), False
                    self.free |= differ
        return fit

    def results(self) -> list[Value]:
        """The values that come out: sizes that may be others at each turn have symbols anew."""
        changing = [i for i, changes in enumerate(self.changes) if changes]
        made: list[Value] = []
        for i in changing:
            fake = self.types[i]
            if isinstance(fake, torch.Tensor):
                sizes = [
                    self.run.fakes.unknown_size() if (i, axis) in self.free else size
                    for axis, size in enumerate(fake.shape)
                ]
                with self.run.fakes.mode:
                    fake = torch.empty(sizes, dtype=fake.dtype)
            else:
                fake = unknown_number(self.run, self.values[len(made)].kind)
            made.append(self.run.value(fake))
        return made

    def _widened(self, old: Any, new: Any) -> Any:
        if _is_number(old) and _is_number(new):
            kinds = {number_kind(old), number_kind(new)}
            return unknown_number(self.run, "float" if "float" in kinds else min(kinds))
        if is_tensor(old) and is_tensor(new):
            return joined(self.run, self.run.tensor(old).fake, self.run.tensor(new).fake)
        raise self.run.error(
            "A loop whose turns are decided at run time changes "
            f"{_kind_of(old)} into {_kind_of(new)}."
        )

    def leaves_of(self, values: list[Any]) -> list[Argument]:
        """Those of the leaves that change."""
        pairs = zip(_flat(values), self.changes, strict=True)
        return [
            self.run.tensor(leaf) if isinstance(leaf, (Scalar, Vector)) else leaf
            for leaf, changes in pairs
            if changes
        ]

    def rebuilt(self, made: list[Value]) -> list[Any]:
        """The values after the loop."""
        new = iter(made)
        leaves = [
            next(new) if changes else leaf
            for leaf, changes in zip(_flat(self.start), self.changes, strict=True)
        ]
        return list(_unflat(self.start, iter(leaves)))


def _equal(a: Any, b: Any) -> bool:
    plain = (bool, int, float, str, type(None))
    return isinstance(a, plain) and type(a) is type(b) and a == b


def _flat(values: Any) -> list[Any]:
    if isinstance(values, (list, tuple)):
        return [leaf for value in values for leaf in _flat(value)]
    return [values]


def _unflat(like: Any, leaves: Any) -> Any:
    if isinstance(like, (list, tuple)):
        return type(like)(_unflat(item, leaves) for item in like)
    return next(leaves)


CONTROL: dict[str, Handler] = {"prim::If": branch, "prim::Loop": loop}
