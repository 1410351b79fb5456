"""Branches: a settled one is followed, another becomes an If."""

from __future__ import annotations

import json
from typing import Any

from torch_onnx.capture.torchscript.interpreter import Interpreter, Then, put
from torch_onnx.capture.torchscript.merging import Merge
from torch_onnx.capture.torchscript.values import Diverges, Handlers, Raised
from torch_onnx.graph import Block, Call, Value

handles = Handlers()

Taken = tuple[list[Call], list[Any], list[tuple[Any, Any]]]


@handles("prim::If")
def branch(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """``prim::If``: condition; then and else blocks without inputs."""
    results = _run(run, node, inputs[0], None)
    return results if len(list(node.outputs())) != 1 else results[0]


def split(run: Interpreter, node: Any, following: Callable[[], list[Any]]) -> list[Any]:
    """An If with what follows it in each of its branches; what that gives."""
    run.source = run.sources.source(node)
    (condition,) = node.inputs()
    outputs = [output.debugName() for output in node.outputs()]

    def then(results: list[Any]) -> list[Any]:
        run.env.update(zip(outputs, results, strict=True))
        return following()

    return _run(run, node, run.env[condition.debugName()], then)


def _run(run: Interpreter, node: Any, condition: Any, then: Then | None) -> list[Any]:
    condition = run.item(condition)
    first, second = node.blocks()
    if not isinstance(condition, Value):
        return run.block(first if condition else second, [], then)
    source = run.source
    taken = []
    for block, truth in ((first, True), (second, False)):
        with run.knowing(condition, truth):
            taken.append(_attempt(run, block, then))
    raised = [result for result in taken if isinstance(result, Raised)]
    if len(raised) == 2:
        raise raised[0]
    if raised:
        run.notes.append(f"lacks an assertion ({raised[0].source.frame}): {raised[0]}")
        return run.block(second if taken[0] is raised[0] else first, [], then)
    run.source = source
    return _merged(run, condition, taken, to_the_end=then is not None and not run.loops)  # type: ignore[arg-type]


def _attempt(run: Interpreter, block: Any, then: Then | None) -> Taken | Raised:
    """A branch as a body of its own, or that it raises."""
    try:
        return run.in_branch(block, list, then)
    except Raised as raised:
        return raised


def _merged(
    run: Interpreter, condition: Value, taken: list[Taken], *, to_the_end: bool
) -> list[Any]:
    (calls_a, results_a, changed_a), (calls_b, results_b, changed_b) = taken
    merge = Merge(run, calls_a, calls_b, loose=to_the_end)
    merged = [merge.pair(a, b) for a, b in zip(results_a, results_b, strict=True)]
    contents = []
    for container, a, b in _changes(run, changed_a, changed_b):
        try:
            contents.append((container, merge.pair(a, b)))
        except Diverges:
            if not to_the_end:  # nobody looks at it any more
                raise
    if merge.made or calls_a or calls_b:
        blocks = [Block([], calls_a, merge.left), Block([], calls_b, merge.right)]
        run.control("python::if", {"condition": condition}, blocks, merge.made)
    for container, content in contents:
        run.changes(container)
        put(container, content)
    return merged


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


def begin_annotation(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """From here on nodes have these properties (``torch_onnx.annotate``)."""
    run.annotations.append(json.loads(inputs[0]))


def end_annotation(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """The end of the innermost block of properties."""
    run.annotations.pop()


CONTROL: dict[str, Handler] = {
    "prim::If": branch,
    "prim::Loop": loop,
    "torch_onnx::begin_annotation": begin_annotation,
    "torch_onnx::end_annotation": end_annotation,
}
