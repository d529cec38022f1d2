"""Live streams: audio is pushed in chunks of any size and tokens come out at once, and back.

Made by `AudioTokenizer.encoder_stream` and `AudioTokenizer.decoder_stream`. They hold the state of
`codec.stream` for one stream, on the first device; what they run is compiled when they are made.
The latency is `CodecConfig.latency` samples from mouth to ear, and more if steps have more than one
frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from numpy.typing import ArrayLike, DTypeLike, NDArray

from audiotok_jax import parallel
from audiotok_jax.audio.resampling import Resampler
from audiotok_jax.audio.samples import AudioError, Mixer
from audiotok_jax.codec import stream
from audiotok_jax.codec.model import Params
from audiotok_jax.config import CodecConfig
from audiotok_jax.settings import pinned
from audiotok_jax.tokens import check_tokens

# Shared by all streams, so that each shape is compiled once; states are donated.
start_encoder = jax.jit(stream.start_encoder, static_argnums=(1, 2))
encode_step = jax.jit(stream.encode_step, static_argnums=1, donate_argnums=2)
start_decoder = jax.jit(stream.start_decoder, static_argnums=(1, 2))
decode_step = jax.jit(stream.decode_step, static_argnums=1, donate_argnums=2)


class _Steps:
    """Runs a stream in steps of one shape, on its own mesh and under pinned settings."""

    @pinned()
    def __init__(
        self,
        start: Any,
        step: Any,
        params: Params,
        config: CodecConfig,
        mesh: Mesh,
        empty: NDArray[Any],
    ) -> None:
        self._mesh = parallel.make_mesh([mesh.devices.flat[0]])
        self._params = parallel.replicate(params, self._mesh)
        self._config = config
        self._start, self._step = start, step
        self.begin()
        self.run(empty)  # compiles
        self.begin()

    @pinned()
    def begin(self) -> None:
        """Resets the state."""
        with jax.set_mesh(self._mesh):
            self._state = self._start(self._params, self._config, 1)

    @pinned()
    def run(self, part: NDArray[Any]) -> NDArray[Any]:
        """Runs one step, on samples or tokens (n,)."""
        with jax.set_mesh(self._mesh):
            self._state, out = self._step(self._params, self._config, self._state, part[None])
            return np.array(out[0])


class EncoderStream:
    """Encodes one stream of audio after another.

    The tokens are those of `AudioTokenizer.encode`, except that of a float encoder a rare bit whose
    latent is almost zero may differ.
    """

    def __init__(
        self, params: Params, config: CodecConfig, mesh: Mesh, sample_rate: float, frames: int
    ) -> None:
        """See `AudioTokenizer.encoder_stream`."""
        self._config, self._rate = config, sample_rate
        self._empty = np.zeros(frames * config.hop_length, np.float32)
        self._begin()
        self._steps = _Steps(start_encoder, encode_step, params, config, mesh, self._empty)

    def _begin(self) -> None:
        self._mixer = Mixer()
        self._resampler = Resampler(self._rate, self._config.sample_rate)
        self._held = np.zeros(stream.lead(self._config), np.float32)
        self._samples = self._given = 0
        self._empty_so_far = True

    def push(self, chunk: ArrayLike) -> NDArray[np.uint16]:
        """Takes the next audio, float or int16, (S,) or (S, channels), S >= 0.

        Returns:
            uint16 (n,), n >= 0, the tokens that are complete.

        Raises:
            AudioError: the audio is bad; the stream goes on without it.
        """
        return _joined(self._pushed(chunk), np.uint16)

    def flush(self) -> NDArray[np.uint16]:
        """Ends the clip, after which another one may begin.

        Returns:
            uint16 (n,), n >= 0, the last tokens.

        Raises:
            AudioError: the channels cancelled each other in the mix.
        """
        return _joined(self._flushed(), np.uint16)

    def iterate(self, chunks: Iterable[ArrayLike]) -> Iterator[NDArray[np.uint16]]:
        """Tokens of a clip that comes in chunks, each as `push` takes it.

        Yields:
            uint16 (n,), n >= 1, of each step.

        Raises:
            AudioError: as `push` and `flush`, or the audio is empty.
        """
        for chunk in chunks:
            yield from self._pushed(chunk)
        if self._empty_so_far:
            raise AudioError("the audio is empty")
        yield from self._flushed()

    def _pushed(self, chunk: ArrayLike) -> Iterator[NDArray[np.uint16]]:
        mono = self._mixer.push(chunk)
        self._empty_so_far = self._empty_so_far and not len(mono)
        return self._run(self._resampler.push(mono))

    def _flushed(self) -> Iterator[NDArray[np.uint16]]:
        try:
            self._mixer.finish()
            yield from self._run(self._resampler.finish())
            wanted = self._config.frames(self._samples)
            while (missing := wanted - self._given) > 0:
                yield from (tokens[:missing] for tokens in self._run(self._empty))
        finally:
            self._begin()
            self._steps.begin()

    def _run(self, wave: NDArray[np.float32]) -> Iterator[NDArray[np.uint16]]:
        self._samples += len(wave)
        self._held = np.concatenate([self._held, wave])
        size = len(self._empty)
        while len(self._held) >= size:
            every = self._steps.run(self._held[:size])
            self._held = self._held[size:]
            tokens = every[every >= 0].astype(np.uint16)
            self._given += len(tokens)
            if len(tokens):
                yield tokens


class DecoderStream:
    """Decodes one stream of tokens after another, as `AudioTokenizer.decode` up to rounding."""

    def __init__(self, params: Params, config: CodecConfig, mesh: Mesh, frames: int) -> None:
        """See `AudioTokenizer.decoder_stream`."""
        self._config = config
        self._empty = np.full(frames, -1, np.int32)
        self._begin()
        self._steps = _Steps(start_decoder, decode_step, params, config, mesh, self._empty)

    def _begin(self) -> None:
        self._held = np.zeros(0, np.int32)
        self._tokens = self._given = 0
        self._early = stream.decoder_delay(self._config) * self._config.hop_length

    def push(self, tokens: ArrayLike) -> NDArray[np.float32]:
        """Takes the next tokens, integers (T,), T >= 0.

        Returns:
            float32 (n,), n >= 0, the samples that are complete.

        Raises:
            ValueError: a token is not one of the codec; the stream goes on without them.
        """
        return _joined(self._pushed(tokens), np.float32)

    def flush(self) -> NDArray[np.float32]:
        """Ends the clip, after which another one may begin: float32 (n,), n >= 0."""
        return _joined(self._flushed(), np.float32)

    def iterate(self, chunks: Iterable[ArrayLike]) -> Iterator[NDArray[np.float32]]:
        """Speech of a clip whose tokens come in chunks, each as `push` takes it.

        Yields:
            float32 (n,), n >= 1, of each step.

        Raises:
            ValueError: as `push`, or there is no token.
        """
        for chunk in chunks:
            yield from self._pushed(chunk)
        if not self._tokens:
            raise ValueError("the token stream is empty")
        yield from self._flushed()

    def _pushed(self, tokens: ArrayLike) -> Iterator[NDArray[np.float32]]:
        checked = check_tokens(tokens, self._config.bits).astype(np.int32)
        self._tokens += len(checked)
        return self._run(checked)

    def _flushed(self) -> Iterator[NDArray[np.float32]]:
        wanted = self._tokens * self._config.hop_length
        while (missing := wanted - self._given) > 0:
            yield from (wave[:missing] for wave in self._run(self._empty))
        self._begin()
        self._steps.begin()

    def _run(self, tokens: NDArray[np.int32]) -> Iterator[NDArray[np.float32]]:
        self._held = np.concatenate([self._held, tokens])
        size = len(self._empty)
        while len(self._held) >= size:
            wave = self._steps.run(self._held[:size])
            self._held = self._held[size:]
            known = wave[self._early :]
            self._early = max(0, self._early - len(wave))
            self._given += len(known)
            if len(known):
                yield known


def _joined(parts: Iterable[NDArray[Any]], dtype: DTypeLike) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *parts])
