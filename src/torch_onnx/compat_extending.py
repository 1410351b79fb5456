"""Private torch names that extensions need; the rest is in ``compat``.

Tried on PyTorch 2.6, 2.13 and 2.14.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from torch_onnx.compat import is_tracing, overload_of


def weights_replaced(module: torch.nn.Module, weights: dict[str, torch.Tensor]) -> Any:
    """Within, a module has other parameters and buffers."""
    replace: Any = torch.nn.utils.stateless._reparametrize_module
    return replace(module, weights)


def while_loop() -> Any:
    """PyTorch's while_loop, which is not public on every release."""
    found: Any = getattr(torch, "while_loop", None)
    if found is None:
        from torch._higher_order_ops.while_loop import while_loop as found
    return found


def operators_in(namespace: str) -> list[str]:
    """The full names of all operators of a library; none where it is not loaded."""
    names: list[str] = torch._C._dispatch_get_all_op_names()
    prefix = f"{namespace}::"
    return sorted({name.removesuffix(".default") for name in names if name.startswith(prefix)})


def name_of_operator(operator: Any) -> str | None:
    """The full name of an operator in any of PyTorch's forms, None for other things."""
    operator = getattr(operator, "_opoverload", operator)  # torch.library.custom_op
    if isinstance(operator, torch._ops.OpOverload):
        overload: Any = operator
        return str(overload.name()).removesuffix(".default")
    if isinstance(operator, torch._ops.OpOverloadPacket):
        return str(operator._qualified_op_name)
    return None


@contextlib.contextmanager
def functions_applied_by(apply: Callable[..., Any]) -> Iterator[None]:
    """Within, ``Function.apply(*args)`` is ``apply(original, cls, *args)``.

    Users hold ``apply`` bound (``roll = Roll.apply``), so it is what that calls which is replaced.
    """
    if not isinstance(vars(torch.autograd.Function).get("apply"), classmethod):
        with _functions_run_by(apply):
            yield
        return
    # Until 2.13, Function's is Python, which calls its base's.
    owner: Any = torch.autograd.function._SingleLevelFunction

    def replaced(cls: Any, *args: Any, **kwargs: Any) -> Any:
        return apply(super(owner, cls).apply, cls, *args, **kwargs)

    own = vars(owner).get("apply")
    owner.apply = classmethod(replaced)
    try:
        yield
    finally:
        if own is None:
            del owner.apply
        else:
            owner.apply = own


@contextlib.contextmanager
def _functions_run_by(apply: Callable[..., Any]) -> Iterator[None]:
    """The same where ``Function.apply`` is C code, which asks the class for its forward."""
    owner: Any = torch.autograd.Function
    kind: Any = type(owner)
    applied: set[Any] = set()
    passed_on: set[Any] = set()

    def attribute(cls: Any, name: str) -> Any:
        value = type.__getattribute__(cls, name)
        if name == "_backward_cls":  # only whoever applies it asks for this, and then for forward
            applied.add(cls)
        elif name == "forward" and cls in applied:
            applied.discard(cls)
            if cls in passed_on:
                passed_on.discard(cls)
                return value
            return functools.partial(run, cls, value)
        return value

    def run(cls: Any, forward: Callable[..., Any], *args: Any) -> Any:
        if has_setup_context(cls):
            return apply(forward, cls, *args)
        return apply(functools.partial(forward, args[0]), cls, *args[1:])

    own = vars(owner)["apply"]

    # A trace gives a call of C's its own results, so that is kept from those that are not held.
    def replaced(cls: Any, *args: Any, **kwargs: Any) -> Any:
        def original(*args: Any, **kwargs: Any) -> Any:
            passed_on.add(cls)
            return own.__get__(None, cls)(*args, **kwargs)

        return apply(original, cls, *args, **kwargs)

    kind.__getattribute__ = attribute
    owner.apply = classmethod(replaced)
    try:
        yield
    finally:
        del kind.__getattribute__
        owner.apply = own


ANNOTATION = "torch_onnx.annotation."


def annotated(properties: dict[str, str]) -> Any:
    """Within, nodes that torch.export makes carry these properties."""
    annotate: Any = getattr(torch.fx.traceback, "annotate", None)
    if annotate is None:
        return contextlib.nullcontext()
    return annotate({f"{ANNOTATION}{name}": value for name, value in properties.items()})


def keeps_annotations() -> Any:
    """Within, torch.export's nodes keep what ``annotated`` gives them."""
    if not hasattr(torch.fx.traceback, "annotate"):
        return contextlib.nullcontext()  # nodes would lose the modules that they are of
    preserve: Any = torch.fx.traceback.preserve_node_meta
    return preserve()


def annotations_of(meta: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The properties that an FX node carries."""
    custom = meta.get("custom")
    if not custom:
        return ()
    return tuple(
        (key.removeprefix(ANNOTATION), value)
        for key, value in custom.items()
        if key.startswith(ANNOTATION)
    )


def has_setup_context(cls: Any) -> bool:
    """Whether a Function's forward takes no ``ctx``, which ``setup_context`` gets instead."""
    setup = getattr(torch.autograd.function, "_is_setup_context_defined", None)
    if setup is not None:
        return bool(setup(cls.setup_context))
    return bool(cls.setup_context is not torch.autograd.Function.setup_context)


def library(namespace: str) -> Any:
    """A library of operators that is added to what its namespace has."""
    made: Any = torch.library.Library
    return made(namespace, "FRAGMENT")


@contextlib.contextmanager
def fake_kernel(name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Within, an operator that has no fake kernel has this one."""
    if overload_of(name) is None:
        yield
        return
    made = library(name.partition("::")[0])
    try:
        with contextlib.suppress(RuntimeError):  # it has one of its own
            torch.library.register_fake(name, function, lib=made)
        yield
    finally:
        made._destroy()


def is_capturing() -> bool:
    """Whether PyTorch captures what runs now: torch.export, torch.compile or a trace."""
    compiler: Any = torch.compiler
    exporting = getattr(compiler, "is_exporting", lambda: False)
    return bool(compiler.is_compiling() or exporting() or is_tracing())


def version_of(tensor: torch.Tensor) -> int:
    """How often a tensor was written to; inference tensors count nothing."""
    return 0 if tensor.is_inference() else tensor._version


@contextlib.contextmanager
def associative_scans_are_scans() -> Iterator[None]:
    """Within, associative_scan is a scan from the first element on.

    PyTorch unrolls it into as many steps as the example's length takes, on vmapped slices.
    """
    # A model that uses it has loaded it.
    module: Any = sys.modules.get("torch._higher_order_ops.associative_scan")
    scan: Any = getattr(sys.modules.get("torch._higher_order_ops.scan"), "scan", None)
    if not hasattr(module, "generic_associative_scan") or scan is None:
        yield
        return
    original = module.generic_associative_scan

    def by_scan(
        operator: Any, leaves: Sequence[torch.Tensor], dim: int = 0, additional_inputs: Any = ()
    ) -> Any:
        # associative_scan wraps what the user gave: vmap, and a flattening of its arguments.
        vmapped = getattr(operator, "keywords", {}).get("combine_fn")
        single = inspect.getclosurevars(vmapped).nonlocals.get("func") if vmapped else None
        if single is None or dim != 0 or additional_inputs:
            return original(operator, leaves, dim, additional_inputs)
        flat = functools.partial(operator.func, **{**operator.keywords, "combine_fn": single})

        leaves_of: Any = torch.utils._pytree.tree_leaves
        # A scan wants what it carries to lie in memory alike at each turn, and no tensor twice.
        plain = functools.partial(torch.clone, memory_format=torch.contiguous_format)

        def step(carried: Any, sliced: Any) -> Any:
            made = leaves_of(flat(*carried, *sliced))
            return [plain(tensor) for tensor in made], [plain(tensor) for tensor in made]

        first = [plain(leaf[0]) for leaf in leaves]
        _, rest = scan(step, first, [leaf[1:] for leaf in leaves])
        pairs = zip(leaves, rest, strict=True)
        return [torch.cat([leaf[:1], others]) for leaf, others in pairs]

    module.generic_associative_scan = by_scan
    try:
        yield
    finally:
        module.generic_associative_scan = original


def compiled_functions_are_python() -> Any:
    """Within, what torch.compile made runs as the Python that it was made of.

    Control flow compiles its bodies, and Dynamo would look into whatever watches the run.
    """
    stance: Any = getattr(torch.compiler, "set_stance", None)
    return contextlib.nullcontext() if stance is None else stance("force_eager")
