"""Export a BERT with dynamic batch and sequence, and compare ONNX Runtime with PyTorch.

The weights are random, so nothing is downloaded. Run it with `make demo`; the exit code is 1 when a
difference exceeds the tolerance.
"""

import sys
from pathlib import Path

import onnxruntime
import torch
from transformers import BertConfig, BertModel

import torch_onnx

OUTPUT = Path(__file__).parents[1] / "out" / "demo" / "bert.onnx"
EXAMPLE = (2, 16)  # batch, sequence
OTHERS = [(1, 7), (5, 128)]
TOLERANCE = 1e-4


def inputs(batch: int, sequence: int) -> dict[str, torch.Tensor]:
    """Random int64[batch, sequence] token ids, and a mask whose last row ends in padding."""
    mask = torch.ones(batch, sequence, dtype=torch.int64)
    mask[-1, sequence // 2 :] = 0
    ids = torch.randint(BertConfig().vocab_size, (batch, sequence))
    return {"input_ids": ids, "attention_mask": mask}


def largest_difference(
    model: torch.nn.Module, session: onnxruntime.InferenceSession, batch: int, sequence: int
) -> float:
    """The largest absolute difference over all outputs at this shape; shapes must agree."""
    feed = inputs(batch, sequence)
    with torch.no_grad():
        expected = model(**feed).to_tuple()
    actual = session.run(None, {name: tensor.numpy() for name, tensor in feed.items()})
    difference = 0.0
    for one, other in zip(expected, actual, strict=True):
        if tuple(one.shape) != other.shape:
            raise SystemExit(f"shapes differ: PyTorch {tuple(one.shape)}, ONNX {other.shape}")
        difference = max(difference, (one - torch.from_numpy(other)).abs().max().item())
    return difference


def main() -> int:
    torch.manual_seed(0)
    model = BertModel(BertConfig()).eval()
    dynamic = {0: "batch", 1: "sequence"}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)

    program = torch_onnx.export(
        model,
        (),
        OUTPUT,
        kwargs=inputs(*EXAMPLE),
        dynamic_shapes={"input_ids": dynamic, "attention_mask": dynamic},
        verify=True,
    )

    # The file is what counts, so it is read back, as an application would.
    session = onnxruntime.InferenceSession(OUTPUT, providers=["CPUExecutionProvider"])
    print("largest difference between PyTorch and ONNX Runtime")
    exact = True
    for batch, sequence in [EXAMPLE, *OTHERS]:
        difference = largest_difference(model, session, batch, sequence)
        within = difference <= TOLERANCE  # false for NaN too
        exact = exact and within
        verdict = "" if within else f"  above {TOLERANCE}"
        print(f"  batch {batch:2}  sequence {sequence:4}   {difference:.2e}{verdict}")

    print()
    print(program.profile.table())
    print()
    size = sum(path.stat().st_size for path in OUTPUT.parent.glob(OUTPUT.name + "*"))
    print(f"{OUTPUT}  {size / 1e6:.1f} MB, {len(program.model.graph)} nodes")
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
