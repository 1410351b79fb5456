"""``torch_onnx.ops``: operators that a model calls to become exactly one ONNX node.

Each has an eager meaning in plain PyTorch, so that a model with them runs, trains and verifies. At
an opset that lacks the node, the eager meaning is exported instead.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx_ir as ir
import torch
from torch.nn import functional as F

from torch_onnx import compat_extending, marks
from torch_onnx.builder.dtypes import FROM_ONNX
from torch_onnx.errors import CaptureError

Eager = Callable[..., Any]


def symbolic(
    domain_op: str,
    /,
    inputs: Sequence[torch.Tensor | None],
    attrs: Mapping[str, Any] | None = None,
    *,
    dtype: torch.dtype | int | None = None,
    shape: Sequence[int | torch.SymInt] | None = None,
    version: int | None = None,
    eager: Eager | None = None,
) -> torch.Tensor:
    """One node ``"domain::Operator"`` with one result.

    Args:
        inputs: tensors; None leaves an optional input out.
        attrs: attributes of any type, see ``Builder.op``.
        dtype: the result's element type, a torch dtype or ONNX's number of it.
        shape: the result's sizes. Both may be left out where ``eager`` is given.
        version: the domain's, 1 by default.
        eager: what the operator computes, ``eager(*inputs, **attrs)``. Without it the result holds
            zeros outside of an export.
    """
    dtypes = None if dtype is None else [dtype]
    shapes = None if shape is None else [shape]
    (result,) = symbolic_multi_out(
        domain_op, inputs, attrs, dtypes=dtypes, shapes=shapes, version=version, eager=eager
    )
    return result


def symbolic_multi_out(
    domain_op: str,
    /,
    inputs: Sequence[torch.Tensor | None],
    attrs: Mapping[str, Any] | None = None,
    *,
    dtypes: Sequence[torch.dtype | int] | None = None,
    shapes: Sequence[Sequence[int | torch.SymInt]] | None = None,
    version: int | None = None,
    eager: Eager | None = None,
) -> tuple[torch.Tensor, ...]:
    """One node with several results; see ``symbolic``. ``eager`` gives a tuple.

    Raises:
        ValueError: when neither ``eager`` nor the types of the results are given.
        CaptureError: without ``eager``, when something else than torch_onnx captures the model.
    """
    if eager is None and (dtypes is None or shapes is None or len(dtypes) != len(shapes)):
        raise ValueError(f"{domain_op} needs eager=, or a dtype and a shape for each result")
    if eager is None and marks.active() is None and compat_extending.is_capturing():
        raise CaptureError(
            f"{domain_op} has no eager= and would be captured as zeros.",
            advice="Give the model itself to torch_onnx.export.",
        )
    attributes = dict(attrs or {})

    def run(inputs: Sequence[Any], shapes: Any, attributes: dict[str, Any]) -> tuple[Any, ...]:
        if eager is not None:
            made = eager(*inputs, **attributes)
            return tuple(made) if isinstance(made, (tuple, list)) else (made,)
        given = next((i for i in inputs if i is not None), None)
        device = None if given is None else given.device
        kinds = [_dtype(kind) for kind in dtypes or ()]
        pairs = zip(kinds, shapes, strict=True)
        return tuple(torch.zeros(list(sizes), dtype=kind, device=device) for kind, sizes in pairs)

    def translate(g: Any, arguments: list[Any], results: list[Any]) -> Any:
        return g.op(
            domain_op,
            *arguments[0],
            outputs=len(results),
            version=version or 1,
            attributes=arguments[2],
        )

    sizes = None if shapes is None else [list(sizes) for sizes in shapes]
    arguments = [list(inputs), sizes, attributes]
    made: tuple[torch.Tensor, ...] = marks.keep(domain_op, run, arguments, translate)
    return made


def _dtype(dtype: torch.dtype | int) -> torch.dtype:
    """A torch dtype, from itself or from ONNX's number of the element type."""
    return dtype if isinstance(dtype, torch.dtype) else FROM_ONNX[ir.DataType(dtype)]


def node(
    operator: str, since: int, eager: Eager, inputs: Sequence[Any], attributes: Mapping[str, Any]
) -> Any:
    """``eager(*inputs, **attributes)``, one ONNX node when exported at opset ``since`` or later.

    Attributes that are None are left out of the node; ``eager`` gets them.
    """
    active = marks.active()
    run = functools.partial(eager, **attributes)
    if active is None or active.opset < since:
        return run(*inputs)

    def translate(g: Any, arguments: list[Any], results: list[Any]) -> Any:
        given = {name: value for name, value in attributes.items() if value is not None}
        made = g.node(operator, *arguments, outputs=len(results), **given)
        return made

    return marks.keep(operator, run, inputs, translate)


def rms_norm(
    x: torch.Tensor, scale: torch.Tensor, axis: int = -1, epsilon: float = 1e-5
) -> torch.Tensor:
    """RMSNormalization (opset 23): ``x / √(mean(x²) + ε) · scale``, over axes ``axis`` to last."""

    def eager(x: Any, scale: Any, axis: int, epsilon: float) -> Any:
        return F.rms_norm(x, x.shape[axis:], None, epsilon) * scale

    made: torch.Tensor = node(
        "RMSNormalization", 23, eager, [x, scale], {"axis": axis, "epsilon": epsilon}
    )
    return made


def rotary_embedding(
    x: torch.Tensor,
    cos_cache: torch.Tensor,
    sin_cache: torch.Tensor,
    position_ids: torch.Tensor | None = None,
    *,
    interleaved: bool = False,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
) -> torch.Tensor:
    """RotaryEmbedding (opset 23).

    Args:
        x: ``[batch, heads, sequence, size]``, or ``[batch, sequence, heads · size]`` with
            ``num_heads``.
        cos_cache, sin_cache: ``[positions, half]`` with ``position_ids`` of ``[batch, sequence]``,
            else ``[batch, sequence, half]``.
        interleaved: pairs lie side by side rather than in two halves.
        rotary_embedding_dim: how much of each head is rotated; 0 for all.
    """

    def eager(
        x: Any, cos: Any, sin: Any, positions: Any = None, *,
        interleaved: int, num_heads: int, rotary_embedding_dim: int,
    ) -> Any:  # fmt: skip
        flat = x.dim() == 3
        y = x.unflatten(2, (num_heads, -1)).transpose(1, 2) if flat else x
        size = rotary_embedding_dim or y.shape[-1]
        turned, rest = y[..., :size], y[..., size:]
        if positions is not None:
            cos, sin = cos[positions], sin[positions]
        cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
        if interleaved:
            a, b = turned[..., 0::2], turned[..., 1::2]
        else:
            a, b = turned[..., : size // 2], turned[..., size // 2 :]
        pair = a * cos - b * sin, a * sin + b * cos
        turned = torch.stack(pair, -1).flatten(-2) if interleaved else torch.cat(pair, -1)
        y = torch.cat([turned, rest], -1)
        return y.transpose(1, 2).flatten(2) if flat else y

    attributes = {
        "interleaved": int(interleaved),
        "num_heads": num_heads,
        "rotary_embedding_dim": rotary_embedding_dim,
    }
    inputs = [x, cos_cache, sin_cache, position_ids]
    made: torch.Tensor = node("RotaryEmbedding", 23, eager, inputs, attributes)
    return made


def attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    past_key: torch.Tensor | None = None,
    past_value: torch.Tensor | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
    q_num_heads: int | None = None,
    kv_num_heads: int | None = None,
) -> Any:
    """Attention (opset 23): the result, with ``past_key`` also the present keys and values.

    Args:
        query, key, value: ``[batch, heads, sequence, size]``, or ``[batch, sequence, heads ·
            size]`` with ``q_num_heads`` and ``kv_num_heads``. Query heads may share a key head.
        attn_mask: boolean (True takes part) or added to the products.
        past_key, past_value: ``[batch, heads, past, size]``, which go before.
        is_causal: a position sees itself and those before it, the past among them.
    """
    if is_causal and past_key is not None:
        # ONNX counts positions from the first key, which is of the past: told by a mask instead.
        rows = query.shape[1 if q_num_heads else 2]
        columns = past_key.shape[2] + key.shape[1 if kv_num_heads else 2]
        seen = torch.ones(rows, columns, dtype=torch.bool, device=query.device)
        seen = seen.tril(past_key.shape[2])
        is_causal = False
        if attn_mask is None:
            attn_mask = seen
        elif attn_mask.dtype == torch.bool:
            attn_mask = attn_mask & seen
        else:
            attn_mask = attn_mask.masked_fill(~seen, -math.inf)
    attributes = {
        "is_causal": int(is_causal),
        "scale": scale,
        "q_num_heads": q_num_heads,
        "kv_num_heads": kv_num_heads,
    }
    inputs = [query, key, value, attn_mask, past_key, past_value]
    return node("Attention", 23, _attend, inputs, attributes)


def _attend(
    query: Any, key: Any, value: Any, mask: Any, past_key: Any, past_value: Any, *,
    is_causal: int, scale: float | None, q_num_heads: int | None, kv_num_heads: int | None,
) -> Any:  # fmt: skip
    flat = query.dim() == 3
    if flat:
        query = query.unflatten(2, (q_num_heads, -1)).transpose(1, 2)
        key, value = (t.unflatten(2, (kv_num_heads, -1)).transpose(1, 2) for t in (key, value))
    if past_key is not None:
        key, value = torch.cat([past_key, key], 2), torch.cat([past_value, value], 2)
    made = F.scaled_dot_product_attention(
        query, key, value, mask, is_causal=bool(is_causal), scale=scale,
        enable_gqa=True,
    )  # fmt: skip
    made = made.transpose(1, 2).flatten(2) if flat else made
    return made if past_key is None else (made, key, value)
