"""How many architecture families export: ``python -m benchmarks.families transformers`` (or timm).

Every family that a small model can be made of, by one recipe for all: a configuration shrunk by
its fields' names, random weights, a dynamic batch. An export counts when ONNX Runtime agrees with
PyTorch at the example's batch and at another. Families that this recipe can't run in PyTorch are
listed apart.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

import torch_onnx

LARGEST = 60_000_000
"""Parameters of a model that is tried."""

SECONDS = 100

# What a field of a configuration becomes, where the configuration has it as an integer.
SMALL = {
    **dict.fromkeys("hidden_size d_model dim n_embd embed_dim projection_dim".split(), 32),
    **dict.fromkeys("num_hidden_layers num_layers n_layer n_layers num_mem_blocks".split(), 2),
    **dict.fromkeys("encoder_layers decoder_layers num_experts_per_tok".split(), 2),
    **dict.fromkeys("num_attention_heads n_head n_heads num_experts num_local_experts".split(), 4),
    **dict.fromkeys("encoder_attention_heads decoder_attention_heads n_routed_experts".split(), 4),
    **dict.fromkeys("intermediate_size d_ff ffn_dim encoder_ffn_dim decoder_ffn_dim".split(), 64),
    **dict.fromkeys("head_dim d_kv qk_rope_head_dim qk_nope_head_dim v_head_dim".split(), 8),
    **dict.fromkeys("kv_lora_rank q_lora_rank patch_size".split(), 16),
    **dict.fromkeys("max_position_embeddings n_positions".split(), 128),
    **dict.fromkeys("n_group topk_group bos_token_id".split(), 1),
    "num_key_value_heads": 2,
    "moe_intermediate_size": 32,
    "hidden_dim": 64,
    "image_size": 64,
    "vocab_size": 99,
    "pad_token_id": 0,
    "eos_token_id": 2,
}


@dataclass(frozen=True, slots=True)
class Family:
    """A name, how to make its model, and example inputs for a batch."""

    name: str
    build: Callable[[], torch.nn.Module]
    inputs: Callable[[torch.nn.Module, int], dict[str, torch.Tensor]]


@dataclass(slots=True)
class Result:
    """``step`` is ``ok``, ``fail``, or ``not run`` where PyTorch does not take model or inputs."""

    name: str
    step: str
    seconds: float | None = None
    reason: str = ""


class TooSlow(Exception):
    """The model took longer than ``SECONDS``."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.families", description=__doc__)
    parser.add_argument("library", choices=("transformers", "timm"))
    parser.add_argument("names", nargs="*", help="families; all by default")
    parser.add_argument("--output", type=Path, help="a file of JSON lines")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    signal.signal(signal.SIGALRM, _too_slow)
    families = transformers_families() if options.library == "transformers" else timm_families()
    results = []
    for family in families:
        if options.names and family.name not in options.names:
            continue
        result = attempt(family)
        results.append(result)
        print(f"{result.name:36} {result.step:8} {result.reason[:120]}", flush=True)
        if options.output:
            with options.output.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
    counts = Counter(result.step for result in results)
    tried = counts["ok"] + counts["fail"]
    print(f"\n{counts['ok']} of {tried} families; {counts['not run']} more did not run in PyTorch")
    return 0


def attempt(family: Family) -> Result:
    signal.alarm(SECONDS)
    try:
        torch.manual_seed(0)
        model = family.build().eval()
        example = family.inputs(model, 2)
        with torch.no_grad():
            model(**example)
    except (Exception, TooSlow) as error:
        return Result(family.name, "not run", reason=_first(error))
    finally:
        signal.alarm(0)
    dynamic = {name: {0: "batch"} for name in example}
    signal.alarm(SECONDS)
    start = time.perf_counter()
    try:
        program = torch_onnx.export(model, (), kwargs=example, dynamic_shapes=dynamic)
        seconds = time.perf_counter() - start
        for batch in (2, 3):
            program.verify(**family.inputs(model, batch))
    except (Exception, TooSlow) as error:
        return Result(family.name, "fail", reason=_first(error))
    finally:
        signal.alarm(0)
    return Result(family.name, "ok", round(seconds, 2))


def _too_slow(*_: object) -> None:
    raise TooSlow(f"more than {SECONDS} s")


def _first(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {' '.join(lines[:2])}"[:300]


# transformers.


def transformers_families() -> Iterator[Family]:
    import transformers as hf
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_MAPPING

    for name in sorted(CONFIG_MAPPING):
        if CONFIG_MAPPING[name] not in MODEL_MAPPING:
            continue

        def build(name: str = name) -> torch.nn.Module:
            config = _shrunk(CONFIG_MAPPING[name](), hf.PretrainedConfig)
            with torch.device("meta"):
                size = sum(p.numel() for p in hf.AutoModel.from_config(config).parameters())
            if size > LARGEST:
                raise ValueError(f"{size} parameters")
            model: torch.nn.Module = hf.AutoModel.from_config(config)
            return model

        yield Family(name, build, _inputs)


def _shrunk(config: Any, kind: type, level: int = 0) -> Any:
    for field, value in SMALL.items():
        before = getattr(config, field, None)
        if isinstance(before, int) and not isinstance(before, bool):
            setattr(config, field, value)
    for field in list(vars(config)):
        inner = getattr(config, field, None)
        if isinstance(inner, kind) and level < 3:
            _shrunk(inner, kind, level + 1)
    kinds = getattr(config, "layer_types", None)
    if isinstance(kinds, list) and len(kinds) > 2:
        config.layer_types = kinds[:2]
    return config


def _inputs(model: Any, batch: int) -> dict[str, torch.Tensor]:
    config, draw = model.config, torch.Generator().manual_seed(batch)
    main = model.main_input_name
    if main == "input_ids":
        ids = torch.randint(3, 90, (batch, 8), generator=draw)
        given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if getattr(config, "is_encoder_decoder", False):
            given["decoder_input_ids"] = torch.randint(3, 90, (batch, 6), generator=draw)
        return given
    if main == "pixel_values":
        size = _image_size(config)
        channels = getattr(config, "num_channels", 3)
        channels = channels if isinstance(channels, int) else 3
        return {main: torch.randn(batch, channels, size, size, generator=draw)}
    if main == "input_values":
        return {main: torch.randn(batch, 2000, generator=draw)}
    if main == "input_features":
        bins = getattr(config, "num_mel_bins", None) or getattr(config, "feature_size", 80)
        return {main: torch.randn(batch, 100, bins, generator=draw)}
    raise ValueError(f"no inputs are known for {main}")


def _image_size(config: Any) -> int:
    size = getattr(config, "image_size", None)
    size = size or getattr(getattr(config, "vision_config", None), "image_size", None) or 64
    return size if isinstance(size, int) else int(size[0])


# timm: one small model of each of its files.


def timm_families() -> Iterator[Family]:
    import timm

    names: dict[str, list[str]] = {}
    for name in timm.list_models():
        module = timm.models.model_entrypoint(name).__module__.rpartition(".")[2]
        names.setdefault(module, []).append(name)
    for module, members in sorted(names.items()):
        chosen = _small_one(timm, members)
        if chosen is not None:

            def build(chosen: str = chosen) -> torch.nn.Module:
                model: torch.nn.Module = timm.create_model(chosen, pretrained=False)
                return model

            yield Family(f"{module}: {chosen}", build, _image)


def _small_one(timm: Any, members: list[str]) -> str | None:
    words = ("tiny", "nano", "atto", "pico", "small", "_s", "18", "b0", "xx", "mini", "_t")
    ordered = sorted(members, key=lambda n: (not any(word in n for word in words), len(n)))
    for name in ordered:
        try:
            with torch.device("meta"):
                model = timm.create_model(name, pretrained=False)
        except Exception:
            continue
        if sum(p.numel() for p in model.parameters()) < LARGEST:
            return name
    return None


def _image(model: Any, batch: int) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(batch)
    return {"x": torch.randn(batch, *model.pretrained_cfg["input_size"], generator=draw)}


if __name__ == "__main__":
    sys.exit(main())
