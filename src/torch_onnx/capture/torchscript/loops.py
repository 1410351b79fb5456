"""Loops: one of known length is written out, another becomes a Loop."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import torch

from torch_onnx.capture.torchscript import lists
from torch_onnx.capture.torchscript.interpreter import Interpreter, put
from torch_onnx.capture.torchscript.merging import placeholder
from torch_onnx.capture.torchscript.scalars import Scalar, Vector
from torch_onnx.capture.torchscript.stand_ins import joined, unknown_number
from torch_onnx.capture.torchscript.values import (
    UNINITIALIZED,
    Diverges,
    Handlers,
    Maybe,
    ScriptList,
    described,
    is_number,
    is_tensor,
    number_kind,
)
from torch_onnx.graph import Argument, Block, Call, Value

handles = Handlers()

# Loops of a known length are written out; one that does not end is an error after this many turns.
LARGEST_LOOP = 10_000
TRIES = 8
ADVICE = "Give the loop a number of turns that is known, or a tensor to fill."
ENDLESS = 2**62


@handles("prim::Loop")
def loop(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
    """``prim::Loop``: trip count, condition, carried values; the block gives the next ones."""
    trips, condition, *carried = inputs
    trips, condition = run.item(trips), run.item(condition)
    (body,) = node.blocks()
    single = len(list(node.outputs())) == 1
    turn = 0
    while not isinstance(trips, Value) and not isinstance(condition, Value):
        # Written out as long as all that decides about the next turn is known.
        if not condition or turn >= trips:
            return carried[0] if single else carried
        if turn >= LARGEST_LOOP:
            raise run.error(f"A loop of known length takes more than {LARGEST_LOOP} turns.")
        mark = len(run.calls)
        with run.frame() as frame:
            again, *after = run.block(body, [turn, *carried])
            again = run.item(again)
            if isinstance(again, Value) and turn == 0:
                # A condition on data: taken back, for the Loop has this turn as well.
                del run.calls[mark:]
                run.take_back(frame)
                break
        condition, carried, turn = again, after, turn + 1
    results = _Loop(run, body, trips, condition, turn).results(carried)
    return results[0] if single else results


class _Loop:
    """A loop whose turns are decided at run time.

    What it carries are trees (tuples, lists, dicts, optionals) of leaves: tensors, numbers, lists
    that grow. Only leaves that change are carried; a weight, None or a string that every turn
    leaves as it is is not. The body is run again until the types of what it is given hold for what
    it gives back. Lists, dicts and objects of outside that the body changes are carried as well.
    """

    def __init__(self, run: Interpreter, body: Any, trips: Any, condition: Any, turn: int) -> None:
        self.run = run
        self.body = body
        self.trips = trips
        self.condition = condition
        self.turn = turn
        self.containers: list[Any] = []
        self.values: list[Value] = []

    def results(self, carried: list[Any]) -> list[Any]:
        run = self.run
        count = len(carried)
        start = _Start(run, list(carried))
        source = run.source
        for _ in range(TRIES):
            index = run.value(unknown_number(run, "int"))
            calls, (again, *after), changed = self._turn(index, start, count)
            run.source = source
            new = [c for c, _ in changed if not any(c is known for known in self.containers)]
            if new:
                self.containers += new
                start = _Start(run, [*start.trees, *(self._content(c) for c in new)])
                continue
            contents = {id(container): content for container, content in changed}
            held = [self._content(c, contents.get(id(c))) for c in self.containers]
            if any(self._grew(*pair) for pair in zip(held, start.trees[count:], strict=True)):
                before = [self._content(c) for c in self.containers]
                start = _Start(run, [*start.trees[:count], *before])
                continue
            after += held
            if start.fits(after, calls):
                break
        else:
            raise run.error("A loop changes the types of what it carries at every turn.")
        with run.into(calls):
            again = run.item(again)
            given = start.leaves_of(after)
        block = Block([index, *start.values], calls, [again, *given])
        made = start.results()
        trips = self.trips
        if isinstance(trips, int):
            trips = None if trips >= ENDLESS else trips - self.turn
        args = {
            "trips": trips,
            "condition": self.condition,
            "carried": start.leaves_of(start.trees),
        }
        run.control("python::loop", args, [block], made)
        trees = start.rebuilt(made)
        for container, content in zip(self.containers, trees[count:], strict=True):
            run.changes(container)
            put(container, content)
        return trees[:count]

    def _turn(
        self, index: Value, start: _Start, count: int
    ) -> tuple[list[Call], list[Any], list[tuple[Any, Any]]]:
        run = self.run

        def begin() -> list[Any]:
            inside = start.inside()
            for container, content in zip(self.containers, inside[count:], strict=True):
                run.changes(container)
                put(container, content)
            place = run.number(operator.add, index, self.turn) if self.turn else index
            return [place, *inside[:count]]

        run.loops += 1
        try:
            return run.in_branch(self.body, begin)
        finally:
            run.loops -= 1

    def _grew(self, after: Any, before: Any) -> bool:
        """Whether these are the program's attributes, of which more are known by now."""
        both = isinstance(after, dict) and isinstance(before, dict)
        return both and set(before) < set(after) <= set(self.run.original)

    def _content(self, container: Any, content: Any = None) -> Any:
        """What a container holds; an attribute never set so far is as it was at first."""
        content = container.copy() if content is None else content
        return {**self.run.original, **content} if container is self.run.attributes else content


class _Start:
    """What goes into a loop, its types, and which of its leaves change."""

    def __init__(self, run: Interpreter, trees: list[Any]) -> None:
        self.run = run
        self._take(trees)

    def _take(self, trees: list[Any]) -> None:
        self.trees = trees
        self.values: list[Value] = []
        leaves = list(_leaves(trees))
        self.types: list[Any] = [self._fake(leaf) for leaf in leaves]
        self.changes = [isinstance(leaf, (Value, Scalar, Vector)) for leaf in leaves]
        self.free: set[tuple[int, int]] = set()
        """The axes, by leaf, whose sizes may be others at each turn."""

    def _fake(self, leaf: Any) -> Any:
        if isinstance(leaf, (Scalar, Vector)):
            return self.run.tensor(leaf).fake
        if isinstance(leaf, Value):
            fixed = leaf.kind in ("tensor", "list")
            return leaf.fake if fixed else unknown_number(self.run, leaf.kind)
        return None

    def inside(self) -> list[Any]:
        """The trees as the body sees them."""
        self.values = []
        leaves = []
        flat = zip(_leaves(self.trees), self.types, self.changes, strict=True)
        for leaf, fake, changes in flat:
            if changes:
                self.values.append(_fresh(self.run, leaf, fake))
                leaf = self.values[-1]
            leaves.append(leaf)
        return [_rebuilt(self.run, tree, rest) for rest in [iter(leaves)] for tree in self.trees]

    def fits(self, after: list[Any], calls: list[Call]) -> bool:
        """Whether the body gives back what it was given. If not, what it is given is widened; if
        so, ``after`` has the structure of the trees.
        """
        run = self.run
        made = {value for call in calls for value in call.values_out()}.union(self.values)
        wider = [_widened(run, old, new, made) for old, new in zip(self.trees, after, strict=True)]
        if any(new is not old for new, old in zip(wider, self.trees, strict=True)):
            self._take(wider)
            return False
        with run.into(calls):
            pairs = zip(self.trees, after, strict=True)
            after[:] = [_shaped(run, old, new) for old, new in pairs]
        fit = True
        inside = iter(self.values)
        formals = [next(inside) if changes else None for changes in self.changes]
        pairs = zip(_leaves(self.trees), _leaves(after), strict=True)
        for i, (old, new) in enumerate(pairs):
            if isinstance(new, Value) and new is formals[i]:
                # It is one tensor all along, whoever else knows it, though it may be written to.
                self.changes[i] = fit = False
            elif not self.changes[i]:
                if new is not old and not _equal(new, old):
                    self.changes[i], fit = True, False
                    self.types[i] = self._common(old, new)
            elif isinstance(new, Value) and new.kind == "list":
                like = lists.join(run, [self.types[i], new.fake])
                fit = self._widen(i, like) and fit
            elif is_tensor(new):
                fit = self._widen(i, run.tensor(new).fake) and fit
        return fit

    def _widen(self, i: int, fake: Any) -> bool:
        """Whether the type of a leaf holds for this one; if not, it does from now on."""
        run, seen = self.run, self.types[i]
        if fake is None or seen is None:  # elements of several ranks
            same = fake is seen
            self.types[i] = None
            return same
        if (
            not isinstance(seen, torch.Tensor)
            or fake.dtype != seen.dtype
            or fake.dim() != seen.dim()
        ):
            before = described(run.value(seen))
            raise run.error(
                "A loop changes the type of a tensor that it carries: "
                f"{before} becomes {described(run.value(fake))}."
            )
        sizes = enumerate(zip(fake.shape, seen.shape, strict=True))
        differ = {(i, axis) for axis, (m, n) in sizes if run.dims.size(m) != run.dims.size(n)}
        if not differ - self.free:
            return True
        self.types[i] = joined(run, seen, fake)
        self.free |= differ
        return False

    def _common(self, old: Any, new: Any) -> Any:
        run = self.run
        if is_number(old) and is_number(new):
            kinds = {number_kind(old), number_kind(new)}
            kind = next(kind for kind in ("float", "int", "bool") if kind in kinds)
            return unknown_number(run, kind)
        if is_tensor(old) and is_tensor(new):
            return joined(run, run.tensor(old).fake, run.tensor(new).fake)
        raise _changes(run, old, new)

    def results(self) -> list[Value]:
        """The values that come out: sizes that may be others at each turn have symbols anew."""
        run = self.run
        made: list[Value] = []
        flat = zip(_leaves(self.trees), self.types, self.changes, strict=True)
        for i, (leaf, fake, changes) in enumerate(flat):
            if not changes:
                continue
            if isinstance(fake, torch.Tensor):
                sizes = [
                    run.fakes.unknown_size() if (i, axis) in self.free else size
                    for axis, size in enumerate(fake.shape)
                ]
                with run.fakes.mode:
                    fake = torch.empty(sizes, dtype=fake.dtype)
            elif fake is not None:
                fake = unknown_number(run, self.values[len(made)].kind)
            made.append(_fresh(run, leaf, fake))
        return made

    def leaves_of(self, trees: list[Any]) -> list[Argument]:
        """Those of the leaves that change."""
        pairs = zip(_leaves(trees), self.changes, strict=True)
        return [
            self.run.tensor(leaf) if isinstance(leaf, (Scalar, Vector)) else leaf
            for leaf, changes in pairs
            if changes
        ]

    def rebuilt(self, made: list[Value]) -> list[Any]:
        """The trees after the loop."""
        new = iter(made)
        leaves = iter(
            [
                next(new) if changes else leaf
                for leaf, changes in zip(_leaves(self.trees), self.changes, strict=True)
            ]
        )
        return [_rebuilt(self.run, tree, leaves) for tree in self.trees]


def _fresh(run: Interpreter, leaf: Any, fake: Any) -> Value:
    if isinstance(leaf, Value) and leaf.kind == "list":
        return lists.value_of_list(run, fake, leaf.dtype)
    return run.value(fake)


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, ScriptList) and tree.held is not None:
        yield tree.held
    elif isinstance(tree, (list, tuple)):
        for item in tree:
            yield from _leaves(item)
    elif isinstance(tree, dict):
        yield from _leaves(list(tree.values()))
    elif isinstance(tree, Maybe):
        yield tree.present
        yield from _leaves(tree.value)
    else:
        yield tree


def _rebuilt(run: Interpreter, like: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(like, ScriptList):
        if like.held is not None:
            return run.made(ScriptList((), next(leaves), like.of))
        return run.made(ScriptList(_rebuilt(run, item, leaves) for item in like))
    if isinstance(like, (list, tuple)):
        return type(like)(_rebuilt(run, item, leaves) for item in like)
    if isinstance(like, dict):
        made = {key: _rebuilt(run, item, leaves) for key, item in like.items()}
        return run.made(type(like)(made))
    if isinstance(like, Maybe):
        return Maybe(next(leaves), _rebuilt(run, like.value, leaves))
    return next(leaves)


def _widened(run: Interpreter, old: Any, new: Any, made: set[Value]) -> Any:
    """``old`` in a form that ``new`` has or can have as well; ``old`` itself where it has it.

    ``made`` are the body's own values, which nothing before the loop can stand for.
    """
    if new is UNINITIALIZED:
        return old
    if old is UNINITIALIZED:
        return _placeholders(run, new)
    if old is None and (is_tensor(new) or is_number(new)):
        is_older = isinstance(new, Value) and new not in made
        return Maybe(False, new if is_older else placeholder(run, new))
    if old is None and isinstance(new, Maybe):
        return Maybe(False, placeholder(run, new.value))
    if (is_tensor(old) or is_number(old)) and (new is None or isinstance(new, Maybe)):
        return Maybe(True, old)
    if isinstance(old, ScriptList) and isinstance(new, ScriptList) and old.held is None:
        if new.held is None and len(old) == len(new):
            return _widened_items(run, old, list(new), made)
        of = lists.kind_of_items(old) or lists.kind_of_items(new)
        if not of:
            raise _changes(run, old, new)
        like = lists.element_type(run, [old, new])
        return ScriptList((), lists.held(run, old, of, like), of)
    if isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        return _widened_items(run, old, list(new), made)
    if isinstance(old, dict) and isinstance(new, dict):
        if list(old) != list(new):
            raise _changes(run, old, new)
        values = _widened_items(run, tuple(old.values()), list(new.values()), made)
        changed = any(a is not b for a, b in zip(values, old.values(), strict=True))
        return type(old)(zip(old, values, strict=True)) if changed else old
    return old


def _widened_items(run: Interpreter, old: Any, new: list[Any], made: set[Value]) -> Any:
    items = [_widened(run, a, b, made) for a, b in zip(old, new, strict=True)]
    changed = any(a is not b for a, b in zip(items, old, strict=True))
    return type(old)(items) if changed else old


def _placeholders(run: Interpreter, like: Any) -> Any:
    if isinstance(like, ScriptList) and like.held is None:
        return ScriptList(_placeholders(run, item) for item in like)
    if isinstance(like, tuple):
        return tuple(_placeholders(run, item) for item in like)
    if isinstance(like, Maybe):
        return Maybe(False, placeholder(run, like.value))
    if is_tensor(like) or is_number(like) or isinstance(like, ScriptList):
        return placeholder(run, like)
    return like


def _shaped(run: Interpreter, like: Any, new: Any) -> Any:
    """``new`` with the structure of ``like``."""
    if new is UNINITIALIZED and like is not UNINITIALIZED:
        return _placeholders(run, like)
    if isinstance(like, Maybe):
        if isinstance(new, Maybe):
            return new
        # Nobody looks at the value of what is None: the one before the loop will do.
        return Maybe(False, like.value) if new is None else Maybe(True, new)
    if isinstance(like, ScriptList) and isinstance(new, ScriptList):
        if like.held is not None:
            element = lists.element_type(run, [like, new])
            return ScriptList((), lists.held(run, new, like.of, element), like.of)
        if new.held is None and len(like) == len(new):
            return ScriptList(_shaped(run, a, b) for a, b in zip(like, new, strict=True))
    elif isinstance(like, tuple) and isinstance(new, tuple) and len(like) == len(new):
        return tuple(_shaped(run, a, b) for a, b in zip(like, new, strict=True))
    elif isinstance(like, dict) and isinstance(new, dict):
        return {key: _shaped(run, like[key], new[key]) for key in like}
    elif not isinstance(like, (list, tuple, dict)) and not isinstance(new, (list, tuple, dict)):
        return new
    raise _changes(run, like, new)


def _changes(run: Interpreter, old: Any, new: Any) -> Diverges:
    return Diverges(
        "A loop whose turns are decided at run time changes "
        f"{described(old)} into {described(new)}.",
        run.source.frame,
        ADVICE if isinstance(old, (ScriptList, dict)) else "",
    )


def _equal(a: Any, b: Any) -> bool:
    plain = (bool, int, float, str, type(None))
    return isinstance(a, plain) and type(a) is type(b) and a == b
