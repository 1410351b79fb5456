"""Names of inputs and outputs: the user's where given, else dotted paths; never two the same."""

from __future__ import annotations

from collections.abc import Sequence

from torch_onnx.errors import SignatureError
from torch_onnx.signature.structure import Leaf, Path


def name_inputs(leaves: Sequence[Leaf], given: Sequence[str] | None) -> list[str]:
    """One name a tensor: the user's, in order, then paths such as ``past_key_values.0.key``.

    Raises:
        SignatureError: for more names than inputs, two the same, or one that is another input's.
    """
    return _named([leaf.name for leaf in leaves], given, "input")


def name_outputs(
    paths: Sequence[Path], given: Sequence[str] | None, inputs: Sequence[str]
) -> list[str]:
    """One name an output: the user's, then ``last_hidden_state``, ``output`` or ``output.0``.

    Raises:
        SignatureError: for no outputs at all, more names than outputs, or one that is taken.
    """
    if not paths:
        raise SignatureError("The model returns no tensor: an ONNX model needs an output.")
    own = []
    for path in paths:
        # A bare tensor, or the items of a tuple, have no name of their own.
        named = path and not path[0].isdigit()
        own.append(".".join(path if named else ("output", *path)))
    taken = set(inputs)
    names = _named(own, given, "output")
    count = len(_chosen(given))
    for i, name in enumerate(names):
        if name not in taken:
            continue
        if i < count:
            raise SignatureError(f"{name!r} is in output_names and is the name of an input.")
        names[i] = _free(f"{name}.out", taken.union(names))
    return names


def _chosen(given: Sequence[str] | None) -> list[str]:
    if given is None:
        return []
    return [given] if isinstance(given, str) else list(given)


def _named(own: list[str], given: Sequence[str] | None, kind: str) -> list[str]:
    chosen = _chosen(given)
    if len(chosen) > len(own):
        raise SignatureError(
            f"{kind}_names has {len(chosen)} names, the model has {len(own)} {kind}s: "
            f"{', '.join(own) or 'none'}."
        )
    for i, name in enumerate(chosen):
        if not isinstance(name, str):
            raise SignatureError(f"{kind}_names[{i}] is {name!r}, which is no name.")
        if not name:
            raise SignatureError(f"{kind}_names[{i}] is empty.")
        if name in chosen[:i]:
            raise SignatureError(f"{kind}_names has {name!r} twice.")
    rest = own[len(chosen) :]
    for i, name in enumerate(chosen):
        # Renaming the other one would send a caller's values to the wrong input in silence.
        if name in rest:
            raise SignatureError(
                f"{kind}_names[{i}] calls {own[i]!r} {name!r}, which is the name of {kind} "
                f"{own.index(name, len(chosen))}: give that one a name too."
            )
    names = list(chosen)
    taken = set(names)
    for name in rest:
        names.append(_free(name, taken))
        taken.add(names[-1])
    return names


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(f"{name}_{i}" for i in range(1, len(taken) + 2) if f"{name}_{i}" not in taken)
