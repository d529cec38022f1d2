"""Whisper's encoder (Radford et al. 2022) as pure functions: features, and their distance."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import librosa
import numpy as np
from jax import Array
from jaxtyping import Float32

from audiotok_jax.codec.spectral import hann
from audiotok_jax.train.teachers import weights as files

SAMPLE_RATE = 16000
WINDOW, HOP = 400, 160
HEAD = 64
"""Dimension of an attention head, in all sizes of Whisper."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Whisper:
    """A frozen recogniser: 50 vectors a second from each layer, the last after the final norm.

    Attributes:
        weights: of the encoder, by the names of `weights.Weights`.
        precision: dtype of the factors of large matrix products.
    """

    weights: dict[str, Any]
    precision: str = dataclasses.field(default="float32", metadata={"static": True})

    @classmethod
    def of(cls, weights: files.Weights, precision: str = "float32") -> Whisper:
        """From arrays in the layout of files."""
        return cls({name: _laid_out(name, value) for name, value in weights.items()}, precision)

    @property
    def sample_rate(self) -> int:
        """Sample rate of its input, in Hz."""
        return SAMPLE_RATE

    @property
    def seconds(self) -> float:
        """The longest input."""
        return 2 * HOP * len(self.weights["position_encodings/encodings"]) / SAMPLE_RATE

    @property
    def depth(self) -> int:
        """Number of its layers, which count from 1."""
        return files.depth(self.weights)

    @property
    def mels(self) -> int:
        """Number of mel bands of its input."""
        return len(self.weights["conv1/weight"]) // 3

    def features(
        self,
        wave: Float32[Array, "B S"],
        layers: Sequence[int],
        like: Float32[Array, "B S"] | None = None,
    ) -> list[Float32[Array, "B T D"]]:
        """Activations of some layers, one array for each.

        Args:
            wave: at `sample_rate`, S > 200.
            layers: from 1 to `depth`; those after the last of them are not computed.
            like: waveforms whose loudest part sets the floor of the spectrum; None is `wave`.
        """
        own = log_mel(wave, self.mels)
        # Whisper clips at 80 dB below the maximum; here at the same level for both sounds.
        top = jnp.max(own if like is None else log_mel(like, self.mels), axis=(1, 2), keepdims=True)
        mel = (jnp.maximum(own, jax.lax.stop_gradient(top) - 8) + 4) / 4
        return self.encode(mel, layers)

    def distance(
        self,
        decoded: Float32[Array, "B S"],
        reference: Float32[Array, "B S"],
        layers: Sequence[int],
    ) -> Float32[Array, " B"]:
        """One minus the cosine of centred features, mean over time and layers."""
        theirs = jax.lax.stop_gradient(self.features(reference, layers))
        ours = self.features(decoded, layers, like=reference)
        apart = [1 - _correlation(*pair) for pair in zip(ours, theirs, strict=True)]
        return jnp.mean(jnp.stack([jnp.mean(one, axis=1) for one in apart]), axis=0)

    def encode(
        self, mel: Float32[Array, "B N {self.mels}"], layers: Sequence[int]
    ) -> list[Float32[Array, "B (N+1)//2 D"]]:
        """Features of scaled log-mel spectra, one array for each of `layers`, from 1 to `depth`."""
        w = self.weights

        def vector(name: str) -> Float32[Array, "1 1 ..."]:
            return jnp.asarray(w[name])[None, None]

        def dense(x: Float32[Array, "B N D"], name: str) -> Float32[Array, "B N E"]:
            factors = (one.astype(self.precision) for one in (x, w[f"{name}/weight"]))
            return jnp.matmul(*factors, preferred_element_type=jnp.float32) + vector(f"{name}/bias")

        def norm(x: Float32[Array, "B N D"], name: str) -> Float32[Array, "B N D"]:
            x = x - jnp.mean(x, axis=-1, keepdims=True)
            x *= jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-5)
            return x * vector(f"{name}/gamma") + vector(f"{name}/beta")

        def attend(x: Float32[Array, "B N D"], name: str) -> Float32[Array, "B N D"]:
            query, key, value = (
                part.reshape(*part.shape[:2], -1, HEAD)
                for part in jnp.split(dense(x, f"{name}/linear_0"), 3, axis=-1)
            )
            scores = jnp.einsum("bthd,bshd->bhts", query * HEAD**-0.5, key)
            mixed = jnp.einsum("bhts,bshd->bthd", jax.nn.softmax(scores, axis=-1), value)
            return dense(mixed.reshape(x.shape), f"{name}/linear_1")

        x = _gelu(dense(_taps(mel, 1), "conv1"))
        x = _gelu(dense(_taps(x, 2), "conv2"))
        x += vector("position_encodings/encodings")[0, :, : x.shape[1]]
        found = {}
        for layer in range(max(layers)):
            here = f"layer_{layer}"
            attention, ffn = f"{here}/self_attention", f"{here}/ffn"
            x += attend(norm(x, f"{attention}/layer_norm"), attention)
            inner = dense(norm(x, f"{ffn}/layer_norm"), f"{ffn}/linear_0")
            x += dense(_gelu(inner), f"{ffn}/linear_1")
            found[layer + 1] = x
        if self.depth in found:
            found[self.depth] = norm(x, "layer_norm")
        return [found[layer] for layer in layers]


def log_mel(wave: Float32[Array, "B S"], mels: int) -> Float32[Array, "B S//160 {mels}"]:
    """Decimal logarithms of mel powers, at least -10, of a wave at `SAMPLE_RATE`, S > 200."""
    count = wave.shape[1] // HOP
    half = HOP // 2
    padded = jnp.pad(wave, ((0, 0), (WINDOW // 2, WINDOW // 2)), mode="reflect")
    blocks = padded[:, : count * HOP + WINDOW].reshape(len(wave), -1, half)
    # The window is a multiple of half the hop.
    parts = [blocks[:, i : i + 2 * count : 2] for i in range(WINDOW // half)]
    spectrum = jnp.fft.rfft(jnp.concatenate(parts, axis=-1) * hann(WINDOW)[None, None])
    power = (spectrum.real**2 + spectrum.imag**2) @ _mel_filters(mels)
    return jnp.log(jnp.maximum(power, 1e-10)) / np.log(10).astype(np.float32)


@functools.cache
def _mel_filters(mels: int) -> Float32[np.ndarray, "bins {mels}"]:
    filters = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=WINDOW, n_mels=mels)
    return np.asarray(filters.T, np.float32)


def _laid_out(name: str, value: Float32[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """Transposes matrices to (in, out) and kernels to (taps * in, out)."""
    if name.startswith("conv") and value.ndim == 3:
        return np.ascontiguousarray(value.transpose(2, 1, 0).reshape(-1, len(value)))
    return np.ascontiguousarray(value.T) if "/linear_" in name else value


def _taps(
    x: Float32[Array, "B N D"], stride: int
) -> Float32[Array, "B (N+{stride}-1)//{stride} 3*D"]:
    """Inputs of a convolution with three taps and padding on both sides, as one vector each."""
    count = -(-x.shape[1] // stride)
    x = jnp.pad(x, ((0, 0), (1, 1 + stride), (0, 0)))
    ends = [i + stride * (count - 1) + 1 for i in range(3)]
    return jnp.concatenate([x[:, i:end:stride] for i, end in enumerate(ends)], axis=-1)


def _gelu(x: Float32[Array, "*N"]) -> Float32[Array, "*N"]:
    return jax.nn.gelu(x, approximate=False)


def _correlation(
    ours: Float32[Array, "*N D"], theirs: Float32[Array, "*N D"]
) -> Float32[Array, "*N"]:
    """Correlation of vectors along their last axis."""
    ours, theirs = (x - jnp.mean(x, axis=-1, keepdims=True) for x in (ours, theirs))
    energies = jnp.sum(ours**2, axis=-1) * jnp.sum(theirs**2, axis=-1)
    return jnp.sum(ours * theirs, axis=-1) * jax.lax.rsqrt(energies + 1e-8)
