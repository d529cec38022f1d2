"""`AudioTokenizer`: speech to tokens and back, for clips, batches and streams of any length.

Audio and tokens are cut into windows of one shape (`windows.cut`), windows of many clips fill
batches of one shape, and each device runs one program on its rows of a batch. A token therefore
depends on its window alone: not on the rest of the batch, the chunks of the clip, or the devices.
"""

from __future__ import annotations

import copy
import functools
import itertools
import operator
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh
from numpy.typing import ArrayLike, NDArray

from audiotok_jax import audio as audio_files
from audiotok_jax import hub, parallel, pretrained
from audiotok_jax.arrays import to_numpy
from audiotok_jax.audio import AudioError
from audiotok_jax.audio.samples import as_array
from audiotok_jax.codec import decoder, model
from audiotok_jax.codec.model import Params
from audiotok_jax.config import CodecConfig
from audiotok_jax.forking import refuse_forked
from audiotok_jax.live import DecoderStream, EncoderStream
from audiotok_jax.settings import pinned
from audiotok_jax.tokens import check_tokens
from audiotok_jax.windows import cut


@runtime_checkable
class Decoder(Protocol):
    """A decoder of torchcodec, which Hugging Face `datasets` has for audio."""

    def get_all_samples(self) -> Any:
        """An object with `data`, (channels, S), and `sample_rate`, in Hz."""


_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

Audio = ArrayLike | str | os.PathLike[str] | Mapping[str, Any] | Decoder
"""A clip: samples, the path of a file, or a row of a Hugging Face dataset; see `encode`."""

WINDOW = 256
"""Default tokens per window, not counting the halo, which overlaps with the next window's."""

STREAM_FRAMES = 8
"""Default tokens per step of the iterators over streams: the shortest steps at which two cores
still encode and decode more than ten times faster than real time (`experiments/streams`)."""

WINDOWS_PER_BATCH = 32
"""Default number of windows that an accelerator runs at once; a CPU runs one on each core."""

CORES = 8
"""Most cores that run a window each, as all are in memory; more of them share matrix products."""


class Window(NamedTuple):
    """A window of a clip, as `windows.cut` gives it.

    Attributes:
        clip: index of its clip.
        data: samples or tokens with the halo.
        valid: number of its tokens, without the halo, that lie within the clip.
        first: whether it is the first one of its clip.
    """

    clip: int
    data: NDArray[Any]
    valid: int
    first: bool


class _Placed(NamedTuple):
    """Parameters placed on devices.

    Attributes:
        params: a copy on each device.
        mesh: of the devices.
        rows: windows of a batch, over all devices.
        threads: batches in flight.
        compiled: names of the functions that have run.
    """

    params: Params
    mesh: Mesh
    rows: int
    threads: int
    compiled: set[str]


class AudioTokenizer:
    """Speech to one stream of tokens and back.

    The caller's settings of JAX (`jax.config`, `jax.set_mesh`) have no effect here. A pickled
    tokenizer holds the name or path of its model, which is loaded at the first use, or, if it has
    none, its parameters. In a process that was forked after JAX had started, everything that
    computes raises RuntimeError.

    Attributes:
        config: shape of the codec.
        model_id: 16 hexadecimal digits; tokens of one model mean nothing to another one.
        bits: per token.
        codebook_size: tokens are integers in [0, codebook_size).
        sample_rate: of decoded speech, in Hz; speech of any rate is encoded.
        hop_length: samples per token.
        frame_rate: tokens per second.
        bitrate: bits per second.
        window: tokens per window.
    """

    _params: Params  # on the host; only in a pickled tokenizer that has no name or path

    def __init__(
        self,
        params: Params,
        config: CodecConfig,
        model_id: str | None = None,
        windows_per_batch: int | None = None,
        devices: Sequence[jax.Device] | None = None,
        window: int = WINDOW,
    ) -> None:
        """Puts the parameters on the devices.

        Args:
            params: as `codec.model.init` gives them.
            config: shape of the codec.
            model_id: of a released model; None computes it from `params`.
            windows_per_batch: windows that one device runs at once; None is 1 on a CPU and
                `WINDOWS_PER_BATCH` elsewhere.
            devices: that share a batch; None is all devices of this process.
            window: tokens per window, except in streams. Windows of other lengths give the same
                tokens and speech up to rounding, which may flip a bit whose latent is almost zero.

        Raises:
            ValueError: windows_per_batch or window is less than 1, or devices is empty.
        """
        self.window = _positive("window", window)
        self._placed = _place(params, windows_per_batch, devices)
        names = None if devices is None else tuple((one.platform, one.id) for one in devices)
        self._arguments = (windows_per_batch, names)
        self._source: str | None = None
        self.config = config
        self.model_id = pretrained.identity(params, config) if model_id is None else model_id
        self.bits = config.bits
        self.codebook_size = config.codebook_size
        self.sample_rate = config.sample_rate
        self.hop_length = config.hop_length
        self.frame_rate = config.frame_rate
        self.bitrate = config.bitrate

    @classmethod
    def from_pretrained(
        cls,
        path_or_name: str | os.PathLike[str] | None = None,
        windows_per_batch: int | None = None,
        devices: Sequence[jax.Device] | None = None,
        window: int = WINDOW,
    ) -> Self:
        """Loads a model.

        Args:
            path_or_name: see `pretrained.locate` and, for OWNER/NAME on the Hugging Face hub,
                `hub.locate`.
            windows_per_batch, devices, window: see `__init__`.

        Raises:
            FileNotFoundError: there is no such model.
            ValueError: the model is incomplete or damaged.
        """
        place = hub.locate(path_or_name)
        params, config, model_id, _ = pretrained.load(place)
        tokenizer = cls(params, config, model_id, windows_per_batch, devices, window)
        folder = pretrained.locate(place)
        released = folder.parent == pretrained.MODELS  # may lie elsewhere on another machine
        tokenizer._source = folder.name if released else os.path.abspath(folder)
        return tokenizer

    def __repr__(self) -> str:
        source = "" if self._source is None else f"{self._source!r}, "
        shape = f"bits={self.bits}, frame_rate={self.frame_rate:g}"
        return f"{type(self).__name__}({source}model_id={self.model_id!r}, {shape})"

    def __copy__(self) -> Self:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy.copy(self)  # arrays of JAX do not change

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name != "_placed"}
        if self._source is None and "_placed" in self.__dict__:
            state["_params"] = jax.device_get(self._placed.params)
        return state

    @functools.cached_property
    def _placed(self) -> _Placed:
        # Computed only after unpickling, at the first use: a pool would hang if unpickling failed.
        if self._source is not None:
            return _load(self._source, self.model_id, *self._arguments)
        windows_per_batch, names = self._arguments
        return _place(self._params, windows_per_batch, _find_devices(names))

    def save_pretrained(self, folder: str | os.PathLike[str]) -> str:
        """Writes the model to a folder, from which `from_pretrained` loads it.

        A model that was loaded is copied with its card, its prior and its id. Weights that were
        given are rounded to float16 (`pretrained.save`), and get the id of the rounded ones.

        Returns:
            The id of the model in the folder.

        Raises:
            ValueError: a weight is not finite in float16.
            OSError: it cannot be written.
        """
        if self._source is None:
            return pretrained.save(folder, jax.device_get(self._placed.params), self.config)
        hub.copy(self._source, folder)
        return self.model_id

    def encode(
        self, audio: Audio, sample_rate: float | None = None, *, channels_first: bool = False
    ) -> NDArray[np.uint16]:
        """Tokens of one clip.

        Args:
            audio: path of a file; or a NumPy, JAX or PyTorch array or a list, float or int16, of
                shape (S,), (S, channels) or (1, S), S >= 1; see `audio.to_mono`. Or the audio of
                a row of a Hugging Face dataset: a dictionary of such an `array` and its
                `sampling_rate`, or a decoder of torchcodec.
            sample_rate: of an array, in Hz; None for audio that has a rate of its own.
            channels_first: whether an array has the shape (channels, S), as in torchaudio.

        Returns:
            uint16 (T,), T = ceil(R / hop_length) where R = ceil(S * self.sample_rate /
            sample_rate).

        Raises:
            AudioError: the audio or its rate is invalid, the audio is empty, or there are two
                sample rates or none.
            OSError: the file cannot be read.
        """
        return self.encode_batch([audio], sample_rate, channels_first=channels_first)[0]

    def encode_batch(
        self,
        audios: Iterable[Audio],
        sample_rate: float | None = None,
        *,
        channels_first: bool = False,
    ) -> list[NDArray[np.uint16]]:
        """Tokens of several clips, each as of `encode`; all arrays have the same sample rate."""
        return _gather(
            self.encode_clips(_chunks(audio, sample_rate, channels_first) for audio in audios)
        )

    def encode_padded(
        self,
        audios: Iterable[Audio],
        sample_rate: float | None = None,
        *,
        channels_first: bool = False,
        pad: int = 0,
    ) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Tokens of several clips as one array.

        Args:
            audios: as for `encode_batch`, at least one.
            sample_rate, channels_first: see `encode`.
            pad: value after the tokens of shorter clips. It is also a token, so use the lengths.

        Returns:
            Tokens, uint16 (B, T), and the number of tokens of each clip, int64 (B,).

        Raises:
            ValueError: there is no clip, or as `encode`.
        """
        return _padded(self.encode_batch(audios, sample_rate, channels_first=channels_first), pad)

    def encode_stream(
        self, chunks: Iterable[ArrayLike], sample_rate: float, frames: int = STREAM_FRAMES
    ) -> Iterator[NDArray[np.uint16]]:
        """Tokens of one clip that comes in chunks, as soon as they are known.

        Args:
            chunks: arrays as for `encode`, of any lengths, also 0.
            sample_rate: in Hz.
            frames: tokens per step, see `encoder_stream`.

        Yields:
            uint16 (n,), n >= 1; together those of `encode`, see `live.EncoderStream`.

        Raises:
            AudioError: as `encode`, at the chunk.
            ValueError: frames is less than 1.
        """
        yield from self.encoder_stream(sample_rate, frames).iterate(chunks)

    def encode_clips(
        self, clips: Iterable[tuple[Iterable[ArrayLike], float]]
    ) -> Iterator[tuple[int, NDArray[np.uint16]]]:
        """Tokens of any number of clips of any lengths, in constant memory and full batches.

        Args:
            clips: pairs of the chunks and the sample rate in Hz of a clip, as for `encode_stream`.
                They are read lazily, one after the other.

        Yields:
            Index of the clip and the next piece of its tokens, uint16 (n,), n >= 1, in order.

        Raises:
            AudioError: as `encode`; other exceptions of the iterators are passed on.
        """
        return self.encode_windows(self._cut_audio(clips))

    def encode_windows(self, windows: Iterable[Window]) -> Iterator[tuple[int, NDArray[np.uint16]]]:
        """Tokens of windows that were cut elsewhere, for example in a process that decodes audio.

        Args:
            windows: of any clips, each of `window * hop_length` samples and the halo,
                `config.encoder_halo`.

        Yields:
            `Window.clip` and the tokens, uint16 (valid,), of each window in order.
        """

        def encode(batch: list[Window]) -> NDArray[np.uint16]:
            with self._computing() as (params, *static):
                tokens = _encode_windows(params, self._stack(batch), *static)
            return _fetch(tokens).astype(np.uint16)

        for batch, tokens in self._in_flight(encode, _batches(windows, self._placed.rows)):
            for window, row in zip(batch, tokens, strict=False):
                yield window.clip, row[: window.valid]

    def decode(self, tokens: ArrayLike, num_samples: int | None = None) -> NDArray[np.float32]:
        """Speech of one stream of tokens.

        Args:
            tokens: integers (T,) or (1, T) in [0, codebook_size), T >= 1: a NumPy, JAX or PyTorch
                array, or a list.
            num_samples: length to cut the speech to, at most T * hop_length; None is all.

        Returns:
            float32 (S,) at `self.sample_rate`, S = num_samples or T * hop_length.

        Raises:
            ValueError: the tokens or num_samples are invalid.
        """
        wave = self.decode_batch([tokens])[0]
        if num_samples is not None and not 1 <= operator.index(num_samples) <= len(wave):
            raise ValueError(f"num_samples must lie in 1..{len(wave)}, not {num_samples}")
        return wave[:num_samples]

    def decode_batch(self, clips: Iterable[ArrayLike]) -> list[NDArray[np.float32]]:
        """Speech of several streams of tokens, each as of `decode`."""
        return _gather(self.decode_clips([tokens] for tokens in clips))

    def decode_padded(
        self, tokens: ArrayLike, lengths: ArrayLike
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Speech of several clips whose tokens are in one array, as `encode_padded` returns them.

        Args:
            tokens: integers (B, T), B >= 1.
            lengths: integers (B,), number of tokens of each clip, in 1..T.

        Returns:
            Speech, float32 (B, S), zero after the end of shorter clips, and the number of samples
            of each clip, int64 (B,).

        Raises:
            ValueError: the shapes or lengths are invalid, or as `decode`.
        """
        rows, ends = to_numpy(tokens), to_numpy(lengths)
        if rows.ndim != 2 or ends.shape != rows.shape[:1] or ends.dtype.kind not in "iu":
            raise ValueError(
                "tokens and lengths must be integers of shapes (B, T) and (B,), not "
                f"{rows.dtype} {rows.shape} and {ends.dtype} {ends.shape}"
            )
        if ends.size and not (1 <= ends.min() and ends.max() <= rows.shape[1]):
            raise ValueError(f"lengths must lie in 1..{rows.shape[1]}, not {ends.tolist()}")
        return _padded(self.decode_batch(row[:end] for row, end in zip(rows, ends, strict=True)))

    def decode_stream(
        self, chunks: Iterable[ArrayLike], frames: int = STREAM_FRAMES
    ) -> Iterator[NDArray[np.float32]]:
        """Speech of one stream of tokens that comes in chunks, as soon as it is known.

        Args:
            chunks: tokens as for `decode`, of any lengths, also 0.
            frames: tokens per step, see `decoder_stream`.

        Yields:
            float32 (n,), n >= 1; together that of `decode`, up to rounding.

        Raises:
            ValueError: a chunk is invalid, there is no token at all, or frames is less than 1.
        """
        yield from self.decoder_stream(frames).iterate(chunks)

    def decode_clips(
        self, clips: Iterable[Iterable[ArrayLike]]
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Speech of any number of streams of tokens, in constant memory and full batches.

        Args:
            clips: the chunks of each clip, as for `decode_stream`. They are read lazily, one after
                the other.

        Yields:
            Index of the clip and the next piece of its speech, float32 (n,), n >= 1, in order.

        Raises:
            ValueError: as `decode_stream`; other exceptions of the iterators are passed on.
        """
        rows = self._placed.rows

        def prepare(batch: list[Window]) -> tuple[Any, Any]:
            with self._computing() as (params, *static):
                parts, advances = _prepare_windows(params, self._stack(batch), *static)
            return parts, jax.tree.map(_fetch, advances)

        def prepared() -> Iterator[tuple[list[Window], Any, Any]]:
            carry = decoder.start(self.config, 1)
            batches = _batches(self._cut_tokens(clips), rows)
            for batch, (parts, advances) in self._in_flight(prepare, batches):
                carries = decoder.start(self.config, rows)
                for i, window in enumerate(batch):
                    if window.first:
                        carry = decoder.start(self.config, 1)
                    for own, value, gained in zip(carries, carry, advances, strict=True):
                        own[i] = value[0]
                        value += gained[i : i + 1]
                yield batch, parts, carries

        def render(item: tuple[list[Window], Any, Any]) -> NDArray[np.float32]:
            _, parts, carries = item
            with self._computing() as (_, *static):
                both = parts, parallel.shard(carries, self._placed.mesh)
                wave = _render_windows(both, *static)
            return _fetch(wave)

        for (batch, *_), wave in self._in_flight(render, prepared()):
            for window, row in zip(batch, wave, strict=False):
                yield window.clip, row[: window.valid * self.hop_length]

    def encoder_stream(self, sample_rate: float, frames: int = 1) -> EncoderStream:
        """An encoder to which audio is pushed as it arrives; see `live.EncoderStream`.

        Args:
            sample_rate: of the audio, in Hz.
            frames: tokens per step: 1 has the least delay, more take less computation per token.

        Raises:
            AudioError: the rate is invalid.
            ValueError: frames is less than 1.
        """
        size = _positive("frames", frames)
        placed = self._placed
        return EncoderStream(placed.params, self.config, placed.mesh, sample_rate, size)

    def decoder_stream(self, frames: int = 1) -> DecoderStream:
        """A decoder to which tokens are pushed as they arrive; see `live.DecoderStream`.

        Raises:
            ValueError: frames, tokens per step, is less than 1.
        """
        size = _positive("frames", frames)
        return DecoderStream(self._placed.params, self.config, self._placed.mesh, size)

    def _cut_audio(self, clips: Iterable[tuple[Iterable[ArrayLike], float]]) -> Iterator[Window]:
        for clip, (chunks, rate) in enumerate(clips):
            wave = audio_files.resample_stream(chunks, rate, self.sample_rate)
            size = self.window * self.hop_length
            first = True
            for data, valid in cut(wave, size, self.config.encoder_halo, 0.0):
                yield Window(clip, data, self.config.frames(valid), first)
                first = False

    def _cut_tokens(self, clips: Iterable[Iterable[ArrayLike]]) -> Iterator[Window]:
        for clip, chunks in enumerate(clips):
            tokens = (check_tokens(chunk, self.bits).astype(np.int32) for chunk in chunks)
            empty = True
            for data, valid in cut(tokens, self.window, self.config.decoder_halo, -1):
                yield Window(clip, data, valid, first=empty)
                empty = False
            if empty:
                raise ValueError("the token stream is empty")

    @contextmanager
    def _computing(self) -> Iterator[tuple[Params, CodecConfig, Mesh]]:
        """Arguments of the jitted functions below, under pinned settings."""
        with pinned(), jax.set_mesh(self._placed.mesh):
            yield self._placed.params, self.config, self._placed.mesh

    def _in_flight(
        self, function: Callable[[_Item], _Result], items: Iterable[_Item]
    ) -> Iterator[tuple[_Item, _Result]]:
        """Items and their results, in order; threads compute those of the next items meanwhile."""
        placed, name = self._placed, function.__name__
        pool = ThreadPoolExecutor(placed.threads)
        waiting: deque[tuple[_Item, Future[_Result]]] = deque()
        try:
            for item in items:
                waiting.append((item, pool.submit(function, item)))
                if name not in placed.compiled:  # or each thread would compile it
                    waiting[-1][1].result()
                    placed.compiled.add(name)
                if len(waiting) == placed.threads:
                    first, result = waiting.popleft()
                    yield first, result.result()
            for first, result in waiting:
                yield first, result.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _stack(self, batch: list[Window]) -> Array:
        """Pads a batch with empty windows and shards it over the devices."""
        data = np.zeros((self._placed.rows, len(batch[0].data)), batch[0].data.dtype)
        for i, window in enumerate(batch):
            data[i] = window.data
        return parallel.shard(data, self._placed.mesh)


@pinned()
def _place(
    params: Params, windows_per_batch: int | None, devices: Sequence[jax.Device] | None
) -> _Placed:
    mesh = parallel.make_mesh(devices)
    if windows_per_batch is None:
        windows_per_batch = 1 if _on_cpu(mesh) else WINDOWS_PER_BATCH
    rows = _positive("windows_per_batch", windows_per_batch) * mesh.devices.size
    # Elsewhere, one batch is computed while that before it is fetched.
    alone = _on_cpu(mesh) and mesh.devices.size == 1
    threads = min(parallel.cores(), CORES) if alone else 2
    return _Placed(parallel.replicate(params, mesh), mesh, rows, threads, set())


@functools.lru_cache(maxsize=2)  # a pool sends the tokenizer with each task
def _load(
    source: str,
    model_id: str,
    windows_per_batch: int | None,
    devices: tuple[tuple[str, int], ...] | None,
) -> _Placed:
    """The model of a pickled tokenizer; ValueError if another one has taken its place."""
    found = pretrained.load(source)
    if found.model_id != model_id:
        raise ValueError(f"{source}: is model {found.model_id} now, {model_id} was pickled")
    return _place(found.params, windows_per_batch, _find_devices(devices))


def _find_devices(names: tuple[tuple[str, int], ...] | None) -> list[jax.Device] | None:
    """Devices of this process by platform and number; ValueError if one is not here."""
    if names is None:
        return None
    refuse_forked()
    here = {(one.platform, one.id): one for one in jax.local_devices()}
    if missing := [name for name in names if name not in here]:
        told = ", ".join(f"{platform}:{number}" for platform, number in missing)
        raise ValueError(f"a pickled tokenizer names devices that are not here: {told}")
    return [here[name] for name in names]


def _positive(name: str, value: int) -> int:
    if operator.index(value) < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")
    return value


@pinned()
def _fetch(array: Array) -> NDArray[Any]:
    return np.array(array)


def _on_cpu(mesh: Mesh) -> bool:
    return mesh.devices.flat[0].platform == "cpu"


def _on_each_device(function: Callable[[Any, Any], Any], mesh: Mesh) -> Callable[[Any, Any], Any]:
    """Adapts a function of (shared tree, tree of windows) to the kind of device.

    A CPU runs windows one by one, as matrix products round differently with more rows.
    """

    def one_by_one(shared: Any, windows: Any) -> Any:
        def one(window: Any) -> Any:
            batch = jax.tree.map(lambda x: x[None], window)
            return jax.tree.map(lambda x: x[0], function(shared, batch))

        return jax.lax.map(one, windows)

    return one_by_one if _on_cpu(mesh) else function


@functools.partial(jax.jit, static_argnums=(2, 3))
def _encode_windows(params: Params, waves: Array, config: CodecConfig, mesh: Mesh) -> Array:
    def encode(params: Params, waves: Array) -> Array:
        return model.encode_window(params, config, waves)

    return parallel.over_devices(_on_each_device(encode, mesh), mesh)(params, waves)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _prepare_windows(params: Params, tokens: Array, config: CodecConfig, mesh: Mesh) -> Any:
    def prepare(params: Params, tokens: Array) -> Any:
        return model.prepare(params, config, tokens)

    return parallel.over_devices(_on_each_device(prepare, mesh), mesh)(params, tokens)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _render_windows(windows: Any, config: CodecConfig, mesh: Mesh) -> Array:
    def render(_: None, window: Any) -> Array:
        parts, carry = window
        return decoder.render(config, parts, carry)

    return parallel.over_devices(_on_each_device(render, mesh), mesh)(None, windows)


def _batches(windows: Iterable[Window], size: int) -> Iterator[list[Window]]:
    remaining = iter(windows)
    while batch := list(itertools.islice(remaining, size)):
        yield batch


def _chunks(
    audio: Audio, sample_rate: float | None, channels_first: bool
) -> tuple[Iterable[ArrayLike], float]:
    """The chunks of a clip, (n,) or (n, channels), and their sample rate."""
    if isinstance(audio, str | os.PathLike):
        if sample_rate is not None:
            raise AudioError(f"{os.fspath(audio)}: a file has a sample rate of its own; give none")
        rate, chunks = audio_files.stream(audio)
        return chunks, rate
    if isinstance(audio, Mapping | Decoder):
        if sample_rate is not None:
            raise AudioError("a row of a dataset has a sample rate of its own; give none")
        if isinstance(audio, Decoder):
            samples = audio.get_all_samples()
            return _chunks(samples.data, samples.sample_rate, channels_first=True)
        if not {"array", "sampling_rate"} <= audio.keys():
            raise AudioError("a row of audio has 'array' and 'sampling_rate': give row['audio']")
        return _chunks(audio["array"], audio["sampling_rate"], channels_first)
    if sample_rate is None:
        raise AudioError("arrays need their sample rate in Hz")
    array = as_array(audio)
    # An array (1, S) is one channel, not one sample of S channels.
    if array.ndim == 2 and (channels_first or len(array) == 1):
        array = array.T
    return [array], sample_rate


def _padded(clips: list[NDArray[Any]], pad: int = 0) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Clips of unequal lengths as the rows of an array, and their lengths."""
    if not clips:
        raise ValueError("there is no clip")
    lengths = np.array([len(clip) for clip in clips], np.int64)
    rows = np.full((len(clips), lengths.max()), pad, clips[0].dtype)
    for row, clip in zip(rows, clips, strict=True):
        row[: len(clip)] = clip
    return rows, lengths


def _gather(pieces: Iterator[tuple[int, NDArray[Any]]]) -> list[NDArray[Any]]:
    """Joins the pieces of each clip."""
    clips: list[list[NDArray[Any]]] = []
    for clip, piece in pieces:
        if clip == len(clips):
            clips.append([])
        clips[clip].append(piece)
    return [np.concatenate(pieces) for pieces in clips]
