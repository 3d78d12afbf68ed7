"""A Whisper model of one layer with random weights, in CTranslate2's format: what it hears is nonsense, but all of
the code that loads and runs a real one runs with it. Needs the extra [whisper].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ctranslate2.specs
import numpy as np
import tokenizers
from faster_whisper.tokenizer import _LANGUAGE_CODES

D = 32
HEADS = 2
MELS = 80
WORDS = ("river", "mountain", "seven", "lantern", "quiet", "harbour", "yellow", "morning")
TEXT_TOKENS = 50257
TIMES = 1501
LANGUAGES = _LANGUAGE_CODES
SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
TOKENS = TEXT_TOKENS + len(SPECIAL) + TIMES
chance = np.random.default_rng(2026)


def make(folder: Path) -> Path:
    """Write the model, its vocabulary and its tokenizer into `folder`, which is made."""
    folder.mkdir()
    tokenizer = _tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    spec = ctranslate2.specs.WhisperSpec(1, HEADS, 1, HEADS)
    _fill(spec)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids = [tokenizer.token_to_id(f"<|{code}|>") for code in LANGUAGES]
    spec.config.alignment_heads = [[0, 0], [0, 1]]
    spec.register_vocabulary([tokenizer.id_to_token(number) for number in range(TOKENS)])
    spec.validate()
    spec.save(str(folder))
    return folder


def _tokenizer() -> Any:
    """Single bytes, a few words, and names that fill the place of all the other words up to Whisper's number."""
    signs = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    text = [*signs, *(f"Ġ{word}" for word in WORDS)]
    text += [f"Ġfiller{number}" for number in range(TEXT_TOKENS - len(text) - 1)]
    text.append("")  # by which CTranslate2 knows a model of many languages
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE({token: at for at, token in enumerate(text)}, []))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    times = [f"<|{number * 0.02:.2f}|>" for number in range(TIMES)]
    tokenizer.add_special_tokens([*SPECIAL, *times])
    return tokenizer


def _fill(spec: Any) -> None:
    encoder, decoder = spec.encoder, spec.decoder
    _matrix(encoder.conv1, D, MELS, 3)
    _matrix(encoder.conv2, D, D, 3)
    encoder.position_encodings.encodings = _random(1500, D)
    decoder.position_encodings.encodings = _random(448, D)
    decoder.embeddings.weight = _random(TOKENS, D)
    decoder.projection.weight = _random(TOKENS, D)
    decoder.projection.bias = _leaning()
    for part in (encoder, decoder):
        _normal(part.layer_norm)
        for layer in part.layer:
            _attention(layer.self_attention, (3 * D, D))
            _matrix(layer.ffn.linear_0, 4 * D, D)
            _matrix(layer.ffn.linear_1, D, 4 * D)
            _normal(layer.ffn.layer_norm)
    for layer in decoder.layer:
        _attention(layer.attention, (D, 2 * D, D))


def _attention(spec: Any, widths: tuple[int, ...]) -> None:
    _normal(spec.layer_norm)
    for linear, width in zip(spec.linear, widths, strict=True):
        _matrix(linear, width, D)


def _matrix(spec: Any, *shape: int) -> None:
    spec.weight = _random(*shape)
    spec.bias = np.zeros(shape[0], np.float32)


def _normal(spec: Any) -> None:
    spec.gamma, spec.beta = np.ones(D, np.float32), np.zeros(D, np.float32)


def _random(*shape: int) -> Any:
    return (chance.standard_normal(shape) * 0.1).astype(np.float32)


def _leaning() -> Any:
    """So that it says its words, a time now and then, and comes to an end."""
    bias = np.full(TOKENS, -20, np.float32)
    first = len(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    bias[first : first + len(WORDS)] = 3
    bias[TEXT_TOKENS] = 3
    bias[TEXT_TOKENS + len(SPECIAL) :] = -2
    return bias
