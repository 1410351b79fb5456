"""Models of transformers, built from configurations: nothing is downloaded.

``TINY`` is for the tests (two layers, milliseconds), ``FULL`` for the benchmark (published sizes,
or as many layers with a smaller width where those are too large to measure).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers as hf

from zoo.case import Inputs, case

TOKENS = {0: "batch", 1: "sequence"}
IMAGE = {0: "batch"}
ANY_IMAGE = {0: "batch", 2: "height", 3: "width"}
VOCABULARY = 99


def _ids(batch: int, sequence: int) -> torch.Tensor:
    return torch.randint(3, VOCABULARY, (batch, sequence))


def _mask(batch: int, sequence: int, *, padded_left: bool = False) -> torch.Tensor:
    """int64[batch, sequence]; the last row has padding of a third of its length."""
    mask = torch.ones(batch, sequence, dtype=torch.int64)
    third = sequence // 3
    if padded_left:
        mask[-1, :third] = 0
    else:
        mask[-1, sequence - third :] = 0
    return mask


def _text(batch: int, sequence: int) -> Inputs:
    ids = _ids(batch, sequence)
    return (), {"input_ids": ids, "attention_mask": _mask(batch, sequence)}


def _image(batch: int, height: int, width: int) -> Inputs:
    return (), {"pixel_values": torch.randn(batch, 3, height, width)}


def _any_size_image(batch: int, height: int, width: int) -> Inputs:
    _, kwargs = _image(batch, height, width)
    return (), {**kwargs, "interpolate_pos_encoding": True}


TEXT = {"input_ids": TOKENS, "attention_mask": TOKENS}
TINY_TEXT = ((2, 9), (1, 5), (3, 16))
FULL_TEXT = ((2, 16), (1, 7), (4, 64))
TINY_IMAGE = ((2, 32, 32), (1, 32, 32), (3, 32, 32))
TINY_ANY_IMAGE = ((2, 64, 96), (1, 96, 64), (3, 32, 128))
FULL_IMAGE = ((2, 224, 224), (1, 224, 224), (4, 224, 224))


def _llama(layers: int, hidden: int, vocabulary: int, *, cache: bool) -> hf.LlamaForCausalLM:
    config = hf.LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=hidden * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=4,
        use_cache=cache,
    )
    return hf.LlamaForCausalLM(config)


def _with_cache(layers: int, hidden: int) -> Callable[[int, int, int], Inputs]:
    """``(batch, past, sequence)`` → new tokens, a mask over old and new ones, a filled cache."""

    def inputs(batch: int, past: int, sequence: int) -> Inputs:
        shape = (batch, 4, past, hidden // 8)
        pairs = [(torch.randn(shape), torch.randn(shape)) for _ in range(layers)]
        return (), {
            "input_ids": _ids(batch, sequence),
            "attention_mask": _mask(batch, past + sequence, padded_left=True),
            "past_key_values": hf.DynamicCache(pairs),
        }

    return inputs


def _cached(layers: int) -> dict[str, Any]:
    axes = [{0: "batch", 2: "past"}] * layers
    mask = {0: "batch", 1: "past_and_sequence"}
    return {"input_ids": TOKENS, "attention_mask": mask, "past_key_values": [axes, axes]}


def _encoder_decoder(batch: int, source: int, target: int) -> Inputs:
    _, kwargs = _text(batch, source)
    return (), {**kwargs, "decoder_input_ids": _ids(batch, target)}


SOURCE = {0: "batch", 1: "source"}
ENCODER_DECODER = {
    "input_ids": SOURCE,
    "attention_mask": SOURCE,
    "decoder_input_ids": {0: "batch", 1: "target"},
}


def _whisper(layers: int, width: int, frames: int, vocabulary: int) -> hf.WhisperModel:
    config = hf.WhisperConfig(
        vocab_size=vocabulary,
        d_model=width,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=width // 16 if width < 64 else 6,
        decoder_attention_heads=width // 16 if width < 64 else 6,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        max_source_positions=frames,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        use_cache=False,
    )
    return hf.WhisperModel(config)


def _features(frames: int) -> Callable[[int], Inputs]:
    return lambda batch: ((), {"input_features": torch.randn(batch, 80, 2 * frames)})


def _whisper_decoder_inputs(width: int) -> Callable[[int, int, int], Inputs]:
    def inputs(batch: int, source: int, sequence: int) -> Inputs:
        states = torch.randn(batch, source, width)
        return (), {"input_ids": _ids(batch, sequence), "encoder_hidden_states": states}

    return inputs


WHISPER_DECODER = {"input_ids": TOKENS, "encoder_hidden_states": {0: "batch", 1: "source"}}


def _wave(batch: int, samples: int) -> Inputs:
    return (), {"input_values": torch.randn(batch, samples)}


def _clip_inputs(image: int, eos: int) -> Callable[[int, int, int], Inputs]:
    def inputs(texts: int, sequence: int, images: int) -> Inputs:
        ids = _ids(texts, sequence)
        ids[:, -1] = eos  # CLIP pools there
        ids[0, sequence // 2] = eos
        return (), {
            "input_ids": ids,
            "pixel_values": torch.randn(images, 3, image, image),
            "attention_mask": _mask(texts, sequence),
        }

    return inputs


TEXTS = {0: "texts", 1: "sequence"}
CLIP = {"input_ids": TEXTS, "pixel_values": {0: "images"}, "attention_mask": TEXTS}


def _tiny_bert() -> torch.nn.Module:
    return hf.BertModel(
        hf.BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
        )
    )


def _tiny_gpt2() -> torch.nn.Module:
    config = hf.GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=64,
        n_embd=32,
        n_layer=2,
        n_head=4,
        use_cache=False,
        bos_token_id=1,
        eos_token_id=2,
    )
    return hf.GPT2LMHeadModel(config)


def _qwen3_moe(
    layers: int, hidden: int, experts: int, chosen: int, vocabulary: int
) -> torch.nn.Module:
    config = hf.Qwen3MoeConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=hidden // 8,
        num_experts=experts,
        num_experts_per_tok=chosen,
        moe_intermediate_size=hidden // 2,
        norm_topk_prob=True,
        use_cache=False,
    )
    return hf.Qwen3MoeForCausalLM(config)


def _tiny_t5() -> torch.nn.Module:
    config = hf.T5Config(
        vocab_size=VOCABULARY,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        relative_attention_num_buckets=8,
        relative_attention_max_distance=12,
        use_cache=False,
    )
    return hf.T5ForConditionalGeneration(config)


def _tiny_wav2vec2() -> torch.nn.Module:
    config = hf.Wav2Vec2Config(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        conv_dim=(16, 16, 16),
        conv_kernel=(10, 3, 2),
        conv_stride=(5, 2, 2),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )
    return hf.Wav2Vec2Model(config)


def _tiny_clip() -> torch.nn.Module:
    layers = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
    }
    text = {**layers, "vocab_size": VOCABULARY, "bos_token_id": 1, "eos_token_id": 98}
    vision = {**layers, "image_size": 32, "patch_size": 8}
    return hf.CLIPModel(hf.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))


def _tiny_vit() -> torch.nn.Module:
    config = hf.ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        image_size=32,
        patch_size=8,
        num_labels=10,
    )
    return hf.ViTForImageClassification(config)


def _tiny_convnext() -> torch.nn.Module:
    # The published layer scale of 1e-6 would hide what the layers compute.
    config = hf.ConvNextConfig(
        hidden_sizes=(8, 16, 24, 32),
        depths=(1, 1, 2, 1),
        layer_scale_init_value=1.0,
        num_labels=10,
    )
    return hf.ConvNextForImageClassification(config)


def _full_convnext() -> torch.nn.Module:
    return hf.ConvNextForImageClassification(hf.ConvNextConfig(layer_scale_init_value=1.0))


def _tiny_resnet() -> torch.nn.Module:
    config = hf.ResNetConfig(
        embedding_size=8, hidden_sizes=(16, 24, 32, 48), depths=(1, 2, 1, 1), num_labels=10
    )
    return hf.ResNetForImageClassification(config)


def _tiny_mobilenet_v2() -> torch.nn.Module:
    config = hf.MobileNetV2Config(depth_multiplier=0.25, num_labels=10)
    return hf.MobileNetV2ForImageClassification(config)


def _tiny_segformer() -> torch.nn.Module:
    config = hf.SegformerConfig(
        depths=(1, 1, 1, 1),
        hidden_sizes=(8, 16, 24, 32),
        num_attention_heads=(1, 2, 2, 4),
        decoder_hidden_size=16,
    )
    return hf.SegformerForSemanticSegmentation(config)


def _mamba(layers: int, hidden: int, vocabulary: int) -> torch.nn.Module:
    config = hf.MambaConfig(
        vocab_size=vocabulary, hidden_size=hidden, num_hidden_layers=layers, use_cache=False
    )
    return hf.MambaForCausalLM(config)


def _tokens_of(length: int) -> Callable[[int], Inputs]:
    # Eager Mamba loops over the sequence in Python: its length is the model's own constant.
    return lambda batch: ((), {"input_ids": _ids(batch, length)})


TINY = [
    case("bert", _tiny_bert, _text, TEXT, TINY_TEXT),
    case("gpt2", _tiny_gpt2, _text, TEXT, TINY_TEXT),
    case("llama", lambda: _llama(2, 64, VOCABULARY, cache=False), _text, TEXT, TINY_TEXT),
    case(
        "llama_cache",
        lambda: _llama(2, 64, VOCABULARY, cache=True),
        _with_cache(2, 64),
        _cached(2),
        ((2, 6, 3), (1, 9, 1), (3, 4, 7)),
    ),
    case("qwen3_moe", lambda: _qwen3_moe(2, 64, 8, 2, VOCABULARY), _text, TEXT, TINY_TEXT),
    case("t5", _tiny_t5, _encoder_decoder, ENCODER_DECODER, ((2, 9, 4), (1, 5, 6), (3, 20, 17))),
    case(
        "whisper_encoder",
        lambda: _whisper(2, 32, 24, VOCABULARY).get_encoder(),
        _features(24),
        {"input_features": {0: "batch"}},
        ((2,), (1,), (3,)),
    ),
    case(
        "whisper_decoder",
        lambda: _whisper(2, 32, 24, VOCABULARY).get_decoder(),
        _whisper_decoder_inputs(32),
        WHISPER_DECODER,
        ((2, 24, 5), (1, 11, 3), (3, 30, 8)),
    ),
    case(
        "wav2vec2",
        _tiny_wav2vec2,
        _wave,
        {"input_values": {0: "batch", 1: "samples"}},
        ((2, 800), (1, 615), (3, 1203)),
    ),
    case("clip", _tiny_clip, _clip_inputs(32, 98), CLIP, ((2, 9, 3), (1, 5, 2), (4, 12, 5))),
    case("vit", _tiny_vit, _image, {"pixel_values": IMAGE}, TINY_IMAGE),
    case(
        "vit_any_size",
        _tiny_vit,
        _any_size_image,
        {"pixel_values": ANY_IMAGE, "interpolate_pos_encoding": None},
        TINY_ANY_IMAGE,
    ),
    case("convnext", _tiny_convnext, _image, {"pixel_values": ANY_IMAGE}, TINY_ANY_IMAGE),
    case("resnet", _tiny_resnet, _image, {"pixel_values": ANY_IMAGE}, TINY_ANY_IMAGE, 2e-5),
    # Eager MobileNetV2 takes height and width as int(): constants of the model's own making.
    case(
        "mobilenet_v2",
        _tiny_mobilenet_v2,
        _image,
        {"pixel_values": IMAGE},
        ((2, 64, 96), (1, 64, 96), (3, 64, 96)),
        tolerance=1e-4,  # float32 itself is 2e-5 from float64 here
    ),
    case("segformer", _tiny_segformer, _image, {"pixel_values": ANY_IMAGE}, TINY_ANY_IMAGE),
    # torch.export settles a batch of 1 in these convolutions and reshapes, unasked.
    case(
        "segformer_one_image",
        _tiny_segformer,
        _image,
        {"pixel_values": {0: "batch"}},
        ((1, 128, 128), (2, 128, 128), (3, 128, 128)),
    ),
    case(
        "mamba",
        lambda: _mamba(2, 32, VOCABULARY),
        _tokens_of(6),
        {"input_ids": {0: "batch"}},
        ((2,), (1,), (3,)),
    ),
]

FULL = [
    case("bert", lambda: hf.BertModel(hf.BertConfig()), _text, TEXT, FULL_TEXT),
    case(
        "gpt2",
        lambda: hf.GPT2LMHeadModel(hf.GPT2Config(use_cache=False)),
        _text,
        TEXT,
        FULL_TEXT,
    ),
    case("llama", lambda: _llama(16, 512, 32000, cache=False), _text, TEXT, FULL_TEXT),
    case(
        "llama_cache",
        lambda: _llama(8, 512, 32000, cache=True),
        _with_cache(8, 512),
        _cached(8),
        ((2, 16, 8), (1, 31, 1), (4, 48, 16)),
    ),
    case("qwen3_moe", lambda: _qwen3_moe(8, 512, 32, 4, 32000), _text, TEXT, FULL_TEXT),
    case(
        "t5",
        lambda: hf.T5ForConditionalGeneration(hf.T5Config(use_cache=False)),
        _encoder_decoder,
        ENCODER_DECODER,
        ((2, 16, 8), (1, 7, 9), (4, 64, 32)),
        tolerance=1e-4,  # float32 itself is 7e-5 from float64 here
    ),
    case(
        "whisper_encoder",
        lambda: _whisper(4, 384, 1500, 51865).get_encoder(),
        _features(1500),
        {"input_features": {0: "batch"}},
        ((2,), (1,), (3,)),
    ),
    case(
        "whisper_decoder",
        lambda: _whisper(4, 384, 1500, 51865).get_decoder(),
        _whisper_decoder_inputs(384),
        WHISPER_DECODER,
        ((2, 100, 8), (1, 77, 3), (4, 1500, 32)),
    ),
    case(
        "wav2vec2",
        lambda: hf.Wav2Vec2Model(hf.Wav2Vec2Config()),
        _wave,
        {"input_values": {0: "batch", 1: "samples"}},
        ((2, 8000), (1, 6123), (2, 24000)),
    ),
    case(
        "clip",
        lambda: hf.CLIPModel(hf.CLIPConfig()),
        _clip_inputs(224, 49407),
        CLIP,
        ((2, 16, 2), (1, 7, 3), (4, 64, 4)),
    ),
    case(
        "vit",
        lambda: hf.ViTForImageClassification(hf.ViTConfig()),
        _image,
        {"pixel_values": IMAGE},
        FULL_IMAGE,
    ),
    case("convnext", _full_convnext, _image, {"pixel_values": IMAGE}, FULL_IMAGE),
    case(
        "resnet",
        lambda: hf.ResNetForImageClassification(hf.ResNetConfig()),
        _image,
        {"pixel_values": IMAGE},
        FULL_IMAGE,
        tolerance=1e-4,  # float32 itself is 1e-4 from float64 here
    ),
    case(
        "mobilenet_v2",
        lambda: hf.MobileNetV2ForImageClassification(hf.MobileNetV2Config()),
        _image,
        {"pixel_values": IMAGE},
        FULL_IMAGE,
    ),
    case(
        "segformer",
        lambda: hf.SegformerForSemanticSegmentation(hf.SegformerConfig()),
        _image,
        {"pixel_values": IMAGE},
        ((1, 256, 256), (2, 256, 256), (3, 256, 256)),
    ),
    case(
        "mamba",
        lambda: _mamba(4, 512, 32000),
        _tokens_of(16),
        {"input_ids": {0: "batch"}},
        ((2,), (1,), (4,)),
    ),
]
