"""Other neural codecs, through the library `transformers`, on the CPU.

Their weights are in a folder written by `save_pretrained` or in the cache of the Hugging Face hub.
Nothing is downloaded, and a model with missing weights is rejected, because `transformers` would
initialise them at random.

A coded file is the numbers of samples and of frames, 4 bytes each, followed by the packed codes,
frame by frame.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import math
import struct
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from audiotok_jax import tokenfile
from audiotok_jax.evaluate.codecs.interface import at_rate
from audiotok_jax.files import sha256

_HEADER = struct.Struct("<II")


class Peer(ABC):
    """A model of `transformers`; see `Codec`."""

    model_type: ClassVar[str]
    model_class: ClassVar[str]
    hub: ClassVar[str]
    """Name of the weights on the hub."""
    libraries: ClassVar[tuple[str, ...]] = ("transformers", "torch")
    files: ClassVar[tuple[str, ...]] = ("config.json", "*.safetensors")

    def __init__(self, name: str, argument: str) -> None:
        """Checks that libraries and weights are available, and reads the config.

        Args:
            name: the spec.
            argument: the part of the spec after the colon: a bitrate or a number of codebooks,
                optionally with `@` and the folder of the weights.

        Raises:
            ValueError: a library or the weights are missing, or the argument is invalid.
        """
        self.name = name
        size, _, folder = argument.partition("@")
        self._need_libraries()
        self._folder = self._find(folder)
        config = importlib.import_module("transformers").AutoConfig.from_pretrained(self._folder)
        if config.model_type != self.model_type:
            raise ValueError(f"{name}: {self._folder} holds {config.model_type} instead")
        self._configure(config, size)

    @classmethod
    def untrained(cls, name: str, size: str, **settings: Any) -> Self:
        """A model with random weights, which is as fast as a trained one.

        Args:
            name: the spec.
            size: the bitrate or the number of codebooks.
            settings: of the model, where they differ from the defaults of `transformers`.

        Raises:
            ValueError: a library is missing, or the size is invalid.
        """
        found = cls.__new__(cls)
        found.name = name
        found._need_libraries()
        model = getattr(importlib.import_module("transformers"), cls.model_class)
        found._configure(model.config_class(**settings), size)
        found._model = model(found._config).eval()
        return found

    def _need_libraries(self) -> None:
        missing = [lib for lib in self.libraries if importlib.util.find_spec(lib) is None]
        if missing:
            raise ValueError(
                f"{self.name}: needs {' and '.join(missing)}; pip install 'audiotok_jax[peers]'"
            )

    def _configure(self, config: Any, size: str) -> None:
        self._config = config
        self.sample_rate: int = config.sampling_rate
        self._bits = math.ceil(math.log2(self._codebook_size()))
        self._books = self._choose(size)

    @cached_property
    def version(self) -> str:
        """Hash of the config and the weights: 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for pattern in self.files:
            for path in sorted(self._folder.glob(pattern)):
                digest.update(bytes.fromhex(sha256(path)))
        return digest.hexdigest()[:16]

    def encode(self, wave: NDArray[np.float32], rate: int) -> bytes:
        """See `Codec`."""
        torch = importlib.import_module("torch")
        wave = at_rate(wave, rate, self.sample_rate)
        with torch.inference_mode():
            codes = self._to_codes(torch.from_numpy(wave)).numpy()
        assert len(codes) == self._books, codes.shape
        payload = tokenfile.pack(codes.T.reshape(-1), self._bits)
        return _HEADER.pack(len(wave), codes.shape[1]) + payload

    def decode(self, data: bytes) -> NDArray[np.float32]:
        """See `Codec`."""
        torch = importlib.import_module("torch")
        samples, frames = self._header(data)
        payload = data[_HEADER.size :]
        codes = tokenfile.unpack(payload, self._bits, frames * self._books)
        frame_by_frame = torch.from_numpy(codes.astype(np.int64).reshape(frames, self._books))
        with torch.inference_mode():
            wave = self._to_wave(frame_by_frame.T.contiguous())
        return wave.reshape(-1)[:samples].numpy()

    def payload_bits(self, data: bytes) -> int:
        """See `Codec`."""
        return self._header(data)[1] * self._books * self._bits

    @abstractmethod
    def _choose(self, size: str) -> int:
        """Number of codebooks for the bitrate or number in a spec; ValueError if it is invalid."""

    @abstractmethod
    def _to_codes(self, wave: Any) -> Any:
        """Turns a tensor of float32 (S,) into one of integers (codebooks, T)."""

    @abstractmethod
    def _to_wave(self, codes: Any) -> Any:
        """Turns a tensor of int64 (codebooks, T) into one of float32 (1, 1, R) or (1, R)."""

    def _codebook_size(self) -> int:
        return self._config.codebook_size

    def _choose_number(self, size: str, most: int) -> int:
        if size not in map(str, range(1, most + 1)):
            raise ValueError(f"{self.name}: {self.model_type} takes 1 to {most} codebooks")
        return int(size)

    def _find(self, folder: str) -> Path:
        """Folder of the weights."""
        if folder:
            found = Path(folder)
        else:
            hub = importlib.import_module("huggingface_hub")
            try:
                found = Path(hub.snapshot_download(self.hub, local_files_only=True))
            except OSError:  # it is not in the cache
                raise ValueError(f"{self.name}: no weights here; {self._advice()}") from None
        missing = [pattern for pattern in self.files if not any(found.glob(pattern))]
        if missing:
            raise ValueError(f"{self.name}: no {missing[0]} in {found}; {self._advice()}")
        return found

    def _advice(self) -> str:
        spec = self.name.partition("@")[0]
        return f"run `hf download {self.hub}`, or name a folder that holds them: {spec}@FOLDER"

    @cached_property
    def _model(self) -> Any:
        transformers = importlib.import_module("transformers")
        transformers.utils.logging.disable_progress_bar()
        transformers.utils.logging.set_verbosity_error()
        model, told = getattr(transformers, self.model_class).from_pretrained(
            self._folder, output_loading_info=True
        )
        if told["missing_keys"]:
            raise ValueError(
                f"{self.name}: {len(told['missing_keys'])} weights are missing in {self._folder}"
            )
        return model.eval()

    def _header(self, data: bytes) -> tuple[int, int]:
        if len(data) < _HEADER.size:
            raise ValueError("cut short: the header is not complete")
        samples, frames = _HEADER.unpack_from(data)
        return samples, frames


class Encodec(Peer):
    """EnCodec of 24 kHz at one of its bitrates in kbit/s (arXiv 2210.13438)."""

    model_type = "encodec"
    model_class = "EncodecModel"
    hub = "facebook/encodec_24khz"

    def _choose(self, size: str) -> int:
        config = self._config
        if config.audio_channels != 1 or config.normalize or config.chunk_length_s is not None:
            raise ValueError(f"{self.name}: not EnCodec of 24 kHz but of music: {self._folder}")
        rates = {f"{rate:g}": float(rate) for rate in config.target_bandwidths}
        if size not in rates:
            raise ValueError(f"{self.name}: encodec has {', '.join(rates)} kbit/s")
        self._kbps = rates[size]
        return int(1000 * self._kbps // (config.frame_rate * self._bits))

    def _to_codes(self, wave: Any) -> Any:
        return self._model.encode(wave[None, None], bandwidth=self._kbps).audio_codes[0, 0]

    def _to_wave(self, codes: Any) -> Any:
        return self._model.decode(codes[None, None], [None]).audio_values


class Dac(Peer):
    """The Descript Audio Codec of 16 kHz with its first codebooks (arXiv 2306.06546)."""

    model_type = "dac"
    model_class = "DacModel"
    hub = "descript/dac_16khz"

    def _choose(self, size: str) -> int:
        return self._choose_number(size, self._config.n_codebooks)

    def _to_codes(self, wave: Any) -> Any:
        torch = importlib.import_module("torch")
        whole = torch.nn.functional.pad(wave, (0, -len(wave) % self._config.hop_length))
        return self._model.encode(whole[None, None], n_quantizers=self._books).audio_codes[0]

    def _to_wave(self, codes: Any) -> Any:
        return self._model.decode(audio_codes=codes[None]).audio_values


class Mimi(Peer):
    """Mimi, the codec of Moshi, with its first codebooks (arXiv 2410.00037)."""

    model_type = "mimi"
    model_class = "MimiModel"
    hub = "kyutai/mimi"

    def _choose(self, size: str) -> int:
        return self._choose_number(size, self._config.num_quantizers)

    def _to_codes(self, wave: Any) -> Any:
        return self._model.encode(wave[None, None], num_quantizers=self._books).audio_codes[0]

    def _to_wave(self, codes: Any) -> Any:
        return self._model.decode(codes[None]).audio_values


class Xcodec2(Peer):
    """X-Codec2, one codebook of 65,536 codes (arXiv 2502.04128)."""

    model_type = "xcodec2"
    model_class = "Xcodec2Model"
    hub = "HKUSTAudio/xcodec2-hf"
    libraries = ("transformers", "torch", "torchaudio")
    files = ("config.json", "preprocessor_config.json", "*.safetensors")

    def _codebook_size(self) -> int:
        return math.prod(self._config.quantization_levels)

    def _choose(self, size: str) -> int:
        if size:
            raise ValueError(f"{self.name}: xcodec2 has one rate, so it takes no argument")
        return 1

    @cached_property
    def _extractor(self) -> Any:
        transformers = importlib.import_module("transformers")
        return transformers.Xcodec2FeatureExtractor.from_pretrained(self._folder)

    def _to_codes(self, wave: Any) -> Any:
        features = self._extractor(
            audio=wave.numpy(), sampling_rate=self.sample_rate, return_tensors="pt"
        )
        return self._model.encode(**features).audio_codes[0]

    def _to_wave(self, codes: Any) -> Any:
        return self._model.decode(audio_codes=codes[None]).audio_values
