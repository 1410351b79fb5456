"""Cases: fake quantization, and the operators of torch.export's quantization."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from runner import Case, case

with contextlib.suppress(ImportError):
    # Registers quantized_decomposed, which torchao does elsewhere.
    import torch.ao.quantization.fx._decomposed

CASES: list[Case] = []
Q: Any = torch.ops.quantized_decomposed

torch.manual_seed(5)
X = torch.randn(3, 4, 5) * 3
Y = torch.randn(2, 4, 5) * 3
# Multiples of a power of two: no quotient lies where PyTorch's rounds otherwise than ONNX's.
EDGES = torch.tensor([-100.0, -2.0, -0.75, -0.25, 0.0, 0.25, 0.5, 0.75, 1.25, 31.5, 500.0])
SCALES = torch.tensor([0.5, 0.25, 0.0625, 2.0])
ZEROS = torch.tensor([0, 3, -7, 100], dtype=torch.int32)


def add(name: str, fn: Any, *inputs: torch.Tensor, **options: Any) -> None:
    CASES.append(case(name, fn, *inputs, **options))


def fake(low: int, high: int, scale: float = 0.25, zero_point: int = 3) -> Any:
    return lambda x: torch.fake_quantize_per_tensor_affine(x, scale, zero_point, low, high)


for low, high in ((0, 255), (-128, 127), (0, 127), (-8, 7), (0, 15)):
    add(f"fake-tensor-{low}-{high}", fake(low, high), EDGES)
add("fake-tensor-16bits", fake(-32768, 32767, 1 / 128), EDGES * 10)
add("fake-tensor-20bits", fake(-(2**19), 2**19 - 1, 1 / 128), EDGES * 10)
add("fake-tensor-dynamic", fake(0, 255), X, others=((Y,),))
add("fake-tensor-float64", fake(0, 255), X.double())
add("fake-tensor-float16", fake(0, 255), EDGES.half())
add("fake-tensor-empty", fake(0, 255), torch.zeros(0, 3))
add(
    "fake-tensor-qparams",
    lambda x, s, z: torch.fake_quantize_per_tensor_affine(x, s, z, 0, 255),
    EDGES,
    torch.tensor(0.25),
    torch.tensor(7, dtype=torch.int32),
)
for axis, shape in ((0, (4, 11)), (1, (2, 4, 11))):
    add(
        f"fake-channel-{axis}",
        lambda x, axis=axis: torch.fake_quantize_per_channel_affine(
            x, SCALES, ZEROS, axis, -128, 127
        ),
        EDGES.expand(shape).contiguous(),
        since=13,
    )
add(
    "fake-channel-4bits",
    lambda x: torch.fake_quantize_per_channel_affine(x, SCALES, ZEROS * 0, 1, -8, 7),
    X,
    others=((Y,),),
    since=13,
)
add(
    "fake-channel-float-zeros",
    lambda x: torch.fake_quantize_per_channel_affine(
        x, SCALES, torch.tensor([0.0, 1.5, -2.0, 3.0]), 1, -128, 127
    ),
    X,
)


def there_and_back(dtype: torch.dtype, low: int, high: int, zero_point: int = 0) -> Any:
    def run(x: torch.Tensor) -> Any:
        q = Q.quantize_per_tensor(x, 0.25, zero_point, low, high, dtype)
        return q, Q.dequantize_per_tensor(q, 0.25, zero_point, low, high, dtype)

    return run


add("decomposed-uint8", there_and_back(torch.uint8, 0, 255, 128), EDGES, others=((X[0, 0],),))
add("decomposed-int8-narrow", there_and_back(torch.int8, -127, 127), EDGES)
add("decomposed-int16", there_and_back(torch.int16, -32768, 32767, 5), EDGES)
add("decomposed-int32", there_and_back(torch.int32, -(2**31), 2**31 - 1), EDGES)


def per_channel(x: torch.Tensor) -> Any:
    q = Q.quantize_per_channel(x, SCALES, ZEROS, 1, -128, 127, torch.int8)
    return q, Q.dequantize_per_channel(q, SCALES, ZEROS, 1, -128, 127, torch.int8)


add("decomposed-channel", per_channel, EDGES.reshape(1, 1, 11).expand(2, 4, 11), since=13)


def dynamic(x: torch.Tensor) -> Any:
    scale, zero = Q.choose_qparams(x, 0, 255, 1e-6, torch.uint8)
    q = Q.quantize_per_tensor(x, scale, zero, 0, 255, torch.uint8)
    return scale, zero, Q.dequantize_per_tensor(q, scale, zero, 0, 255, torch.uint8)


def symmetric(x: torch.Tensor) -> Any:
    return Q.choose_qparams_symmetric(x, -127, 127, 1e-6, torch.int8)


def per_token(x: torch.Tensor) -> Any:
    scales, zeros = Q._choose_qparams_per_token_asymmetric_impl(x, torch.int8)
    q = Q.quantize_per_token(x, scales, zeros, -128, 127, torch.int8)
    back = Q.dequantize_per_token(q, scales, zeros, -128, 127, torch.int8, torch.float32)
    return scales, zeros, back


def per_token_symmetric(x: torch.Tensor) -> Any:
    # Its scales are float64 to the capture, float32 when it runs.
    return Q.choose_qparams_per_token(x, torch.int8)[0].float()


add("decomposed-dynamic", dynamic, X, others=((Y,), (Y.abs(),)))
add("decomposed-symmetric", symmetric, X, others=((Y,),))
add("decomposed-token", per_token, X, others=((Y,),))
add("decomposed-token-symmetric", per_token_symmetric, X, others=((Y,),))

INTEGERS = torch.randint(-128, 128, (6, 8), dtype=torch.int8)
add(
    "decomposed-group",
    lambda q: Q.dequantize_per_channel_group(
        q, SCALES[:2].expand(6, 2), None, -8, 7, torch.int8, 4, torch.float32
    ),
    INTEGERS,
)
add(
    "int8-weight-only",
    lambda x: torch.nn.functional.linear(x, INTEGERS.to(x.dtype)) * SCALES[:1],
    torch.randn(3, 8),
    others=((torch.randn(2, 8),),),
)


def quantized_by_group(x: torch.Tensor) -> Any:
    scales = torch.tensor([[0.5, 0.25], [2.0, 0.0625], [1.0, 0.125]])
    zeros = torch.tensor([[1, 0], [-2, 3], [0, 0]], dtype=torch.int32)
    q = Q.quantize_per_channel_group(x, scales, zeros, -8, 7, torch.int8, 4)
    return q, Q.dequantize_per_channel_group(q, scales, zeros, -8, 7, torch.int8, 4, torch.float32)


add("decomposed-quantize-group", quantized_by_group, EDGES[:8].expand(3, 8).contiguous())
add(
    "decomposed-fake-channel",
    lambda x: Q.fake_quant_per_channel(x, SCALES, ZEROS * 0, 1, -128, 127),
    EDGES.expand(2, 4, 11).contiguous(),
    since=13,
)
for zero in (2.6, -300.0):
    add(
        f"fake-learned-tensor{zero}",
        lambda x, zero=zero: torch._fake_quantize_learnable_per_tensor_affine(
            x, torch.tensor([0.25]), torch.tensor([zero]), -128, 127
        ),
        EDGES,
    )
add(
    "fake-learned-channel",
    lambda x: torch._fake_quantize_learnable_per_channel_affine(
        x, SCALES, torch.tensor([0.4, 2.6, -7.2, 100.0]), 1, -128, 127
    ),
    EDGES.expand(2, 4, 11).contiguous(),
    since=13,
)
# PyTorch's kernel sums in bfloat16's precision.
add(
    "int8pack-mm",
    lambda x: torch._weight_int8pack_mm(x, INTEGERS, SCALES[0].expand(6) / 100),
    torch.randn(3, 8),
    rtol=0.02,
    atol=0.02,
    since=13,
)
