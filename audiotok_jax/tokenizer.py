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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh
from numpy.typing import ArrayLike, NDArray

from audiotok_jax import parallel, pretrained
from audiotok_jax.audio import resample_stream
from audiotok_jax.codec import decoder, model
from audiotok_jax.codec.model import Params
from audiotok_jax.config import CodecConfig
from audiotok_jax.forking import refuse_forked
from audiotok_jax.settings import pinned
from audiotok_jax.tokens import check_tokens
from audiotok_jax.windows import cut

WINDOW = 256
"""Default tokens per window, not counting the halo, which overlaps with the next window's."""

ENCODED, DECODED = 8, 16
"""Default tokens per window of streams: short ones at which two cores still encode, and decode, 80
tokens a second more than ten times faster than real time (`experiments/streams`)."""

WINDOWS_PER_BATCH = 32
"""Default windows that an accelerator runs at once; one keeps a CPU busy."""


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
    """

    params: Params
    mesh: Mesh
    rows: int


class AudioTokenizer:
    """Speech to one stream of tokens and back.

    The caller's settings of JAX (`jax.config`, `jax.set_mesh`) change nothing here. A pickled
    tokenizer holds the name or path of its model, which is loaded at the first use, or else the
    parameters that it was made of. In a process that was forked after JAX had started, whatever
    computes raises RuntimeError.

    Attributes:
        config: shape of the codec.
        model_id: 16 hexadecimal digits that name the model; tokens mean nothing to another one.
        bits: per token.
        codebook_size: tokens are integers in [0, codebook_size).
        sample_rate: of decoded speech, in Hz; speech of any rate is encoded.
        hop_length: samples per token.
        frame_rate: tokens per second.
        bitrate: bits per second.
        window: tokens per window.
    """

    _params: Params  # on the host, of a pickled one that has no name or path

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
            windows_per_batch: windows that one device takes at once; None is 1 on a CPU and
                `WINDOWS_PER_BATCH` elsewhere.
            devices: that share a batch; None is all devices of this process.
            window: tokens per window, of all but the streams. Windows of other lengths give the
                same tokens and speech up to rounding, which may flip a bit whose latent is almost
                zero.

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
        """Loads a released model; see `pretrained.load` for the names, and `__init__`."""
        params, config, model_id, _ = pretrained.load(path_or_name)
        tokenizer = cls(params, config, model_id, windows_per_batch, devices, window)
        folder = pretrained.locate(path_or_name)
        released = folder.parent == pretrained.MODELS  # found by its name, wherever that lies
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
        # Of a pickled one, and not before it is used: a pool hangs where unpickling fails.
        if self._source is not None:
            return _load(self._source, self.model_id, *self._arguments)
        windows_per_batch, names = self._arguments
        return _place(self._params, windows_per_batch, _find_devices(names))

    def encode(self, audio: ArrayLike, sample_rate: int) -> NDArray[np.uint16]:
        """Tokens of one clip.

        Args:
            audio: float or int16, (S,) or (S, channels), S >= 1; see `audio.to_mono`.
            sample_rate: of `audio`, in Hz.

        Returns:
            uint16 (T,), T = ceil(R / hop_length) where R = ceil(S * self.sample_rate /
            sample_rate).

        Raises:
            AudioError: the audio or its rate is bad, or the audio is empty.
        """
        return self.encode_batch([audio], sample_rate)[0]

    def encode_batch(
        self, audios: Iterable[ArrayLike], sample_rate: int
    ) -> list[NDArray[np.uint16]]:
        """Tokens of several clips of one sample rate, each as `encode` gives them."""
        return _gather(self.encode_clips(([audio], sample_rate) for audio in audios))

    def encode_stream(
        self, chunks: Iterable[ArrayLike], sample_rate: int, window: int = ENCODED
    ) -> Iterator[NDArray[np.uint16]]:
        """Tokens of one clip that comes in chunks, as soon as their window is complete.

        Args:
            chunks: as `encode` takes them, of any lengths, also 0.
            sample_rate: in Hz.
            window: tokens per window; a shorter one gives less latency for more computation.

        Yields:
            uint16 (n,), n >= 1; together what `encode` gives for the whole clip with this window.

        Raises:
            AudioError: as `encode`, at the chunk.
            ValueError: window is less than 1.
        """
        windows = self._cut_audio([(chunks, sample_rate)], _positive("window", window))
        for _, tokens in self._encode(windows, live=True):
            yield tokens

    def encode_clips(
        self, clips: Iterable[tuple[Iterable[ArrayLike], int]]
    ) -> Iterator[tuple[int, NDArray[np.uint16]]]:
        """Tokens of any number of clips of any lengths, in constant memory and full batches.

        Args:
            clips: pairs of the chunks and the sample rate in Hz of a clip, as `encode_stream`
                takes them. They are read one after the other, as their turn comes.

        Yields:
            Index of the clip and the next piece of its tokens, uint16 (n,), n >= 1, in order.

        Raises:
            AudioError: as `encode`; whatever else the iterators raise comes through, too.
        """
        return self.encode_windows(self._cut_audio(clips, self.window))

    def encode_windows(self, windows: Iterable[Window]) -> Iterator[tuple[int, NDArray[np.uint16]]]:
        """Tokens of windows that were cut elsewhere, as in a process that decodes audio.

        Args:
            windows: of any clips, each of `window * hop_length` samples and the halo,
                `config.encoder_halo`.

        Yields:
            `Window.clip` and the tokens, uint16 (valid,), of each window in its turn.
        """
        return self._encode(iter(windows), live=False)

    def decode(self, tokens: ArrayLike, num_samples: int | None = None) -> NDArray[np.float32]:
        """Speech of one stream of tokens.

        Args:
            tokens: integers (T,) in [0, codebook_size), T >= 1.
            num_samples: length to cut the speech to, at most T * hop_length; None is all.

        Returns:
            float32 (S,) at `self.sample_rate`, S = num_samples or T * hop_length.

        Raises:
            ValueError: the tokens or num_samples are bad.
        """
        wave = self.decode_batch([tokens])[0]
        if num_samples is not None and not 1 <= operator.index(num_samples) <= len(wave):
            raise ValueError(f"num_samples must lie in 1..{len(wave)}, not {num_samples}")
        return wave[:num_samples]

    def decode_batch(self, clips: Iterable[ArrayLike]) -> list[NDArray[np.float32]]:
        """Speech of several streams of tokens, each as `decode` gives it."""
        return _gather(self.decode_clips([tokens] for tokens in clips))

    def decode_stream(
        self, chunks: Iterable[ArrayLike], window: int = DECODED
    ) -> Iterator[NDArray[np.float32]]:
        """Speech of one stream of tokens that comes in chunks, as soon as its window is complete.

        Args:
            chunks: as `decode` takes them, of any lengths, also 0.
            window: tokens per window; a shorter one gives less latency for more computation.

        Yields:
            float32 (n,), n >= 1; together what `decode` gives for all tokens with this window.

        Raises:
            ValueError: a chunk is bad, there is no token in all chunks together, or window is less
                than 1.
        """
        windows = self._cut_tokens([chunks], _positive("window", window))
        for _, wave in self._decode(windows, live=True):
            yield wave

    def decode_clips(
        self, clips: Iterable[Iterable[ArrayLike]]
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Speech of any number of streams of tokens, in constant memory and full batches.

        Args:
            clips: the chunks of each clip, as `decode_stream` takes them. They are read one after
                the other, as their turn comes.

        Yields:
            Index of the clip and the next piece of its speech, float32 (n,), n >= 1, in order.

        Raises:
            ValueError: as `decode_stream`; whatever else the iterators raise comes through, too.
        """
        return self._decode(self._cut_tokens(clips, self.window), live=False)

    def _cut_audio(
        self, clips: Iterable[tuple[Iterable[ArrayLike], int]], window: int
    ) -> Iterator[Window]:
        for clip, (chunks, rate) in enumerate(clips):
            wave = resample_stream(chunks, rate, self.sample_rate)
            size = window * self.hop_length
            first = True
            for data, valid in cut(wave, size, self.config.encoder_halo, 0.0):
                yield Window(clip, data, self.config.frames(valid), first)
                first = False

    def _cut_tokens(self, clips: Iterable[Iterable[ArrayLike]], window: int) -> Iterator[Window]:
        for clip, chunks in enumerate(clips):
            tokens = (check_tokens(chunk, self.bits).astype(np.int32) for chunk in chunks)
            empty = True
            for data, valid in cut(tokens, window, self.config.decoder_halo, -1):
                yield Window(clip, data, valid, first=empty)
                empty = False
            if empty:
                raise ValueError("the token stream is empty")

    def _encode(
        self, windows: Iterator[Window], live: bool
    ) -> Iterator[tuple[int, NDArray[np.uint16]]]:
        rows = self._rows(live)

        def run() -> Iterator[tuple[list[Window], Array]]:
            for batch in _batches(windows, 1 if live else rows):
                with self._computing() as (params, *static):
                    tokens = _encode_windows(params, self._stack(batch, rows), *static)
                yield batch, tokens

        for batch, tokens in run() if live else _ahead(run()):
            for window, row in zip(batch, _fetch(tokens).astype(np.uint16), strict=False):
                yield window.clip, row[: window.valid]

    def _decode(
        self, windows: Iterator[Window], live: bool
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        rows = self._rows(live)

        def prepare() -> Iterator[tuple[list[Window], Any]]:
            for batch in _batches(windows, 1 if live else rows):
                with self._computing() as (params, *static):
                    found = _prepare_windows(params, self._stack(batch, rows), *static)
                yield batch, found

        def render() -> Iterator[tuple[list[Window], Array]]:
            carry = decoder.start(self.config, 1)
            for batch, (parts, advances) in ahead(prepare()):
                advances = jax.tree.map(_fetch, advances)
                carries = decoder.start(self.config, rows)
                for i, window in enumerate(batch):
                    if window.first:
                        carry = decoder.start(self.config, 1)
                    for own, value, gained in zip(carries, carry, advances, strict=True):
                        own[i] = value[0]
                        value += gained[i : i + 1]
                with self._computing() as (_, *static):
                    both = parts, parallel.shard(carries, self._placed.mesh)
                    wave = _render_windows(both, *static)
                yield batch, wave

        ahead: Callable[[Iterator[Any]], Iterator[Any]] = iter if live else _ahead
        for batch, wave in ahead(render()):
            for window, row in zip(batch, _fetch(wave), strict=False):
                yield window.clip, row[: window.valid * self.hop_length]

    @contextmanager
    def _computing(self) -> Iterator[tuple[Params, CodecConfig, Mesh]]:
        """Arguments of the jitted functions below, under pinned settings."""
        with pinned(), jax.set_mesh(self._placed.mesh):
            yield self._placed.params, self.config, self._placed.mesh

    def _rows(self, live: bool) -> int:
        """Rows of a batch: for a single live window, one per device."""
        return self._placed.mesh.devices.size if live else self._placed.rows

    def _stack(self, batch: list[Window], rows: int) -> Array:
        """Pads a batch with empty windows and shards it over the devices."""
        data = np.zeros((rows, len(batch[0].data)), batch[0].data.dtype)
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
    return _Placed(parallel.replicate(params, mesh), mesh, rows)


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
    if missing := [
        f"{platform}:{number}" for platform, number in names if (platform, number) not in here
    ]:
        raise ValueError(
            f"a pickled tokenizer names devices that are not here: {', '.join(missing)}"
        )
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

    A CPU runs windows one by one: it gains nothing from larger batches, and matrix products
    round differently with more rows.
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


def _batches(windows: Iterator[Window], size: int) -> Iterator[list[Window]]:
    while batch := list(itertools.islice(windows, size)):
        yield batch


def _ahead(items: Iterator[Any]) -> Iterator[Any]:
    """Keeps one item in flight: each is yielded after the next one was dispatched."""
    held: deque[Any] = deque()
    for item in items:
        held.append(item)
        if len(held) > 1:
            yield held.popleft()
    yield from held


def _gather(pieces: Iterator[tuple[int, NDArray[Any]]]) -> list[NDArray[Any]]:
    """Joins the pieces of each clip."""
    clips: list[list[NDArray[Any]]] = []
    for clip, piece in pieces:
        if clip == len(clips):
            clips.append([])
        clips[clip].append(piece)
    return [np.concatenate(pieces) for pieces in clips]
