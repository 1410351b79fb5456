"""Writes made functional: every read after a write sees the new value, and no call mutates.

A view remembers the value it looks at and the call that made it. A write to a view is carried up
to what it looks at, step by step (``views.py`` has the inverse of each view); the other views of
the same storage are made again from there, but only when they are read. See ATen's alias
annotations: ``Tensor(a!) self`` is written, a result ``Tensor(a)`` looks at ``self``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torch_onnx import compat
from torch_onnx.capture.binding import number_operator, operator_named
from torch_onnx.capture.views import IDENTITY, View, fresh, write_back
from torch_onnx.errors import CaptureError, NotExpressible
from torch_onnx.graph import (
    Argument,
    AtenGraph,
    Block,
    Call,
    Operator,
    Output,
    Source,
    Value,
    substitute,
    values_of,
)


def functionalize(graph: AtenGraph) -> AtenGraph:
    """Replace writes by new values. A graph without writes is returned as it is.

    Raises:
        CaptureError: for a write that has no functional form, with its line.
    """
    if not _writes(graph.calls):
        return graph
    state = _State()
    for call in graph.calls:
        state.call(call)
    graph.calls = state.calls
    graph.outputs = [state.read_all(output) for output in graph.outputs]
    for parameter in graph.parameters:
        # Constants are the program's own: nothing of them is there when it ends.
        if parameter.kind != "constant" and state.versions.get(parameter.value):
            graph.buffer_writes[parameter.name] = state.read(parameter.value)
    for index, value in enumerate(graph.inputs):
        if state.versions.get(value):
            graph.input_writes[index] = state.read(value)
    return graph


@dataclass(slots=True)
class _State:
    calls: list[Call] = field(default_factory=list)
    views: dict[Value, View] = field(default_factory=dict)
    versions: dict[Value, int] = field(default_factory=dict)
    """How often a root (a value that looks at no other) has been written."""
    current: dict[Value, tuple[int, Value]] = field(default_factory=dict)
    """What stands for a value now, and the version of its root that it belongs to."""
    perhaps: dict[Value, set[Value]] = field(default_factory=dict)
    """Roots that are one tensor or not, as a branch or loop decides at run time."""
    doubtful: dict[Value, Source] = field(default_factory=dict)
    """Roots that were written to if they are one with another that was, there."""
    listed: set[Value] = field(default_factory=set)
    """Roots of what lies in a list whose length is known at run time only, which holds copies; and
    what is taken from it."""

    def call(self, call: Call) -> None:
        """Go on by one call.

        Raises:
            CaptureError: for a write that has no functional form, with its line.
        """
        try:
            self._call(call)
        except NotExpressible as error:
            reason = str(error)
            raise CaptureError(f"{reason[:1].upper()}{reason[1:]}.", call.source.frame) from error

    def _call(self, call: Call) -> None:
        if call.op.name.startswith("python::list_"):
            self.listed.update(self.root(v) for v in call.values_in() if v.kind == "tensor")
        if call.op.name == "python::list_item":
            self.listed.update(v for v in call.values_out() if v.kind == "tensor")
        if call.op.is_mutating:
            self._write_call(call)
            return
        if call.blocks:
            self._control(call)
            return
        stale = self._stale(call)
        original = call.args
        if stale:
            call.args = {name: self.read_all(argument) for name, argument in original.items()}
        self.calls.append(call)
        if call.op.is_view:
            self._remember_views(call, original)

    def _stale(self, call: Call) -> bool:
        roots = map(self.root, call.values_in())
        return any(self.versions.get(root) or root in self.doubtful for root in roots)

    def root(self, value: Value) -> Value:
        while (view := self.views.get(value)) is not None:
            value = view.base
        return value

    # Branches and loops.

    def _control(self, call: Call) -> None:
        """Make the bodies functional. What they write of outer values comes out of the call."""
        begun = call.args.get("carried", []) if call.op.name == "python::loop" else []
        call.args = {name: self.read_all(argument) for name, argument in call.args.items()}
        is_loop = "carried" in call.args
        written = [root for block in call.blocks for root in self._written_in(block)]
        roots = list(dict.fromkeys(written))
        starts = {root: self.read(root) for root in roots}
        listed = set(self.listed)
        for block in call.blocks:
            inner = self._inner(block, begun)
            for root in roots if is_loop else ():
                carried = fresh(root)
                block.inputs.append(carried)
                inner.write(root, carried, call.source)
            for inside in block.calls:
                inner.call(inside)
            self._remember_shared(call, block, inner, begun)
            outputs = [inner.read_all(output) for output in block.outputs]
            block.outputs = [*outputs, *(inner.read(root) for root in roots)]
            block.calls = inner.calls
            listed |= inner.listed
        # What one turn lists the next one writes; a branch by itself has seen what it does.
        if is_loop and not listed.isdisjoint(roots):
            raise NotExpressible(WRITTEN_IN_A_LIST)
        if is_loop:
            call.args["carried"] = [*call.args["carried"], *starts.values()]
        results = [fresh(root) for root in roots]
        own = call.outputs
        call.outputs = [*own, *results]
        returns = call.op.returns or number_operator("", ()).returns
        call.op = replace(call.op, returns=returns[:1] * len(call.outputs))
        self.calls.append(call)
        for root, result in zip(roots, results, strict=True):
            self.write(root, result, call.source)
        for output in own:
            # The call's own results were read after what it wrote.
            if isinstance(output, Value):
                self.doubtful.pop(output, None)
        self.listed = listed

    def _inner(self, block: Block, begun: Sequence[Argument]) -> _State:
        """The state within a body, where what a loop carries may be what it began with."""
        inner = _State(
            [],
            dict(self.views),
            dict(self.versions),
            dict(self.current),
            {root: set(others) for root, others in self.perhaps.items()},
            dict(self.doubtful),
            set(self.listed),
        )
        formals = block.inputs[1 : len(begun) + 1]
        for formal, value in zip(formals, begun, strict=True):
            inner.may_be(formal, value)
            for other, beside in zip(formals, begun, strict=True):
                if value is beside and formal is not other:
                    inner.may_be(formal, other)
        return inner

    def _remember_shared(
        self, call: Call, block: Block, inner: _State, begun: Sequence[Argument]
    ) -> None:
        """What a branch or loop gives may be what was there before."""
        first = dict(zip(block.inputs[1:], begun, strict=False))
        made = {value for c in block.calls for value in c.values_out()}
        results = block.outputs[len(block.outputs) - len(call.outputs) :]
        for output, result in zip(call.outputs, results, strict=True):
            if isinstance(output, Value) and isinstance(result, Value):
                root = inner.root(result)
                if root not in made:
                    self.may_be(output, first.get(root, root))
        for output, value in zip(call.outputs, begun, strict=False):
            if isinstance(output, Value):
                self.may_be(output, value)
        if begun:
            # What a turn reads before it writes, the next reads after that.
            for value in [value for c in block.calls for value in c.values_in()]:
                inner.refuse_doubtful(inner.root(value))
        self.doubtful |= inner.doubtful

    def may_be(self, value: Value, other: Argument) -> None:
        """Two may be one tensor, and the first any that the other may be."""
        if not isinstance(other, Value):
            return
        root = self.root(other)
        for one in {root, *self.perhaps.get(root, ())} - {value}:
            self.perhaps.setdefault(value, set()).add(one)
            self.perhaps.setdefault(one, set()).add(value)

    def refuse_doubtful(self, root: Value) -> None:
        source = self.doubtful.get(root)
        if source is not None:
            raise CaptureError(
                "A tensor is read after a write in place to what is the same tensor or not, as a "
                "branch or loop decides at run time.",
                source.frame,
                "Write to a clone() there.",
            )

    def _written_in(self, block: Block) -> list[Value]:
        """The outer roots that a body writes, found on a copy of it."""
        copy = _State([], dict(self.views), dict(self.versions), dict(self.current))
        for call in _copies(block.calls):
            copy.call(call)
        inner = set(block.inputs) | {v for c in block.calls for v in c.values_out()}
        return [
            root
            for root, version in copy.versions.items()
            if version != self.versions.get(root) and root not in inner
        ]

    # Reading.

    def read_all(self, argument: Argument) -> Argument:
        return substitute(argument, {value: self.read(value) for value in values_of(argument)})

    def read(self, value: Value) -> Value:
        """What stands for ``value`` after the writes so far; a stale view is made again."""
        root = self.root(value)
        self.refuse_doubtful(root)
        version = self.versions.get(root, 0)
        seen, now = self.current.get(value, (0, value))
        if seen == version:
            return now
        view = self.views[value]
        base = self.read(view.base)
        if view.call is IDENTITY:
            now = base
        else:
            args = {n: substitute(a, {view.base: base}) for n, a in view.call.args.items()}
            outputs = [_like_output(output) for output in view.call.outputs]
            self.calls.append(Call(view.call.op, args, outputs, view.call.source))
            made = outputs[0]
            now = made[view.index] if isinstance(made, list) else made  # type: ignore[assignment]
        self.current[value] = (version, now)
        return now

    # Writing.

    def write(self, value: Value, content: Value, source: Source) -> None:
        """From now on ``value`` and all that shares its storage hold ``content``."""
        if value.kind != "tensor":
            raise NotExpressible("a number can't be written to")
        if self.root(value) in self.listed:
            raise NotExpressible(WRITTEN_IN_A_LIST)
        view = self.views.get(value)
        if view is None:
            version = self.versions.get(value, 0) + 1
            self.versions[value] = version
            self.current[value] = (version, content)
            self.doubtful |= dict.fromkeys(self.perhaps.get(value, ()), source)
            return
        base = self.read(view.base)
        whole = (
            content
            if view.call is IDENTITY
            else write_back(view, base, content, source, self.calls)
        )
        self.write(view.base, whole, source)
        self.current[value] = (self.versions[self.root(value)], content)

    def _write_call(self, call: Call) -> None:
        written = [a.name for a in call.op.arguments if a.written]
        targets = [call.args[name] for name in written]
        if any(not isinstance(target, Value) for target in targets):
            raise NotExpressible(f"{call.op.name} writes to a list of tensors")
        functional = functional_form(call.op)
        if functional is None:
            raise NotExpressible(f"{call.op.name} writes in place and has no functional form")
        names = [formal.name for formal in functional.arguments]
        if not call.args.keys() <= set(names):
            # By position: dropout_ calls ``self`` what dropout calls ``input``. Outputs come last.
            given = dict(zip(names, call.args.values(), strict=False))
        else:
            given = call.args
        args = {name: self.read_all(argument) for name, argument in given.items()}
        # What an operator with state returns comes before what it writes.
        own = call.outputs if call.op.name in WITH_STATE else []
        # Others return what they wrote, of another shape after resize_.
        returned = [] if own else call.outputs[: len(targets)]
        written_as = [*returned, *targets[len(returned) :]]
        results = [
            fresh(new if isinstance(new, Value) else target)
            for new, target in zip(written_as, targets, strict=True)
        ]
        extra: list[Output] = [None] * (len(functional.returns) - len(results) - len(own))
        outputs = [*own, *extra, *results] if own else [*results, *extra]
        self.calls.append(Call(functional, args, outputs, call.source))
        for target, result in zip(targets, results, strict=True):
            self.write(target, result, call.source)
        if own:
            return
        for output, target in zip(call.outputs, targets, strict=False):
            # add_ returns self: its result is another name of what it wrote.
            if isinstance(output, Value):
                self.views[output] = View(target, IDENTITY, 0)

    def _remember_views(self, call: Call, args: dict[str, Argument]) -> None:
        aliased = next((a.name for a in call.op.arguments if a.alias is not None), None)
        base = args.get(aliased) if aliased is not None else None
        if not isinstance(base, Value):
            return
        version = self.versions.get(self.root(base), 0)
        viewed = Call(call.op, args, call.outputs, call.source)
        for output in call.outputs:
            members = output if isinstance(output, list) else [output]
            for index, member in enumerate(members):
                if isinstance(member, Value) and _shares_storage(member, base):
                    self.views[member] = View(base, viewed, index)
                    self.current[member] = (version, member)


WRITTEN_IN_A_LIST = (
    "a tensor is written to in place that lies in a list whose length is known at run time only"
)


def _writes(calls: Sequence[Call]) -> bool:
    return any(c.op.is_mutating or any(_writes(b.calls) for b in c.blocks) for c in calls)


def _copies(calls: Sequence[Call]) -> list[Call]:
    return [
        replace(
            call,
            args=dict(call.args),
            blocks=[replace(b, calls=_copies(b.calls), inputs=list(b.inputs)) for b in call.blocks],
        )
        for call in calls
    ]


def _shares_storage(value: Value, base: Value) -> bool:
    """Operators such as reshape and to look at their input only where they can."""
    if value.fake is None or base.fake is None:
        return value.dtype == base.dtype
    return compat.same_storage(value.fake, base.fake)


# Operators that write to statistics and return something else.
WITH_STATE = {
    "aten::_native_batch_norm_legit": "aten::_native_batch_norm_legit_functional",
    "aten::_batch_norm_with_update": "aten::_batch_norm_with_update_functional",
    "aten::fused_moving_avg_obs_fake_quant": "aten::_fused_moving_avg_obs_fq_helper_functional",
}

# Functional forms of other names than what writes in place.
RENAMED = {
    "aten::normal": "aten::normal_functional",
    "aten::bernoulli.float": "aten::bernoulli.p",
    "aten::pow.Scalar": "aten::pow.Tensor_Scalar",  # pow.Scalar is of a number to a tensor's power
    "aten::pow.Tensor": "aten::pow.Tensor_Tensor",
    "aten::float_power.Scalar": "aten::float_power.Tensor_Scalar",
    "aten::float_power.Tensor": "aten::float_power.Tensor_Tensor",
    "aten::floor_divide.Tensor": "aten::floor_divide",
    "aten::ldexp": "aten::ldexp.Tensor",
    "aten::transpose": "aten::transpose.int",
}
IN_PLACE = "aten::__i"
"""How Python's operators that write begin: ``__ior__``."""


def functional_form(op: Operator) -> Operator | None:
    """The operator that returns what ``op`` writes: ``add_.Tensor`` → ``add.Tensor``."""
    if op.name in WITH_STATE:
        return operator_named(WITH_STATE[op.name])
    name, _, overload = op.name.partition(".")
    if name.startswith(IN_PLACE) and name.endswith("__"):
        return operator_named(f"aten::__{op.name.removeprefix(IN_PLACE)}")
    if name.endswith("_") and not name.endswith("__"):
        plain = name[:-1]
        functional = f"{plain}.{overload}" if overload else plain
        found = operator_named(RENAMED.get(functional, functional))
        return found if found is not None and not found.is_mutating else None
    if any(a.written and not a.keyword_only for a in op.arguments):
        # Only what is written to ``out=`` is a result and nothing else.
        return None
    inputs = [a.name for a in op.arguments if not a.written]
    for candidate in compat.overloads_named(name):
        found = operator_named(f"{name}.{candidate}" if candidate != "default" else name)
        if found is None or found.is_mutating:
            continue
        names = [a.name for a in found.arguments]
        if names[: len(inputs)] == inputs:
            return found
    return None


def _like_output(output: Output) -> Output:
    if isinstance(output, list):
        return [fresh(member) for member in output]
    return None if output is None else fresh(output)
