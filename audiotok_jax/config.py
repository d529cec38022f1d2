"""`CodecConfig`, the shape of a codec, and its named presets.

A preset is named `SIZE-RATEhz`, for example `small-80hz`: 80 tokens of 16 bits a second, 1.28 kbps.
Those of the size `live` have the integer encoder and a mouth-to-ear latency of at most 80 ms.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from typing import Any

from audiotok_jax import fields

# Encoder and decoder (width, depth) by size.
SIZES = {
    "tiny": ((32, 2), (32, 2)),
    "small": ((256, 5), (256, 7)),
    "base": ((512, 8), (512, 10)),
    "live": ((384, 2), (384, 3)),
}
# Token hop and synthesis hop in samples, by frame rate in Hz at 16 kHz.
RATES = {25: (640, 80), 40: (400, 100), 50: (320, 80), 80: (200, 100), 100: (160, 80)}

# Inclusive bounds: far beyond useful values, but what they allow can be built.
_BOUNDS: dict[str, tuple[float, float]] = {
    "sample_rate": (1, 768_000),
    "hop_length": (1, 2**16),
    "bits": (1, 16),
    "subframe_length": (1, 2**13),
    "n_fft": (1, 2**14),
    "encoder_dim": (1, 2**13),
    "encoder_depth": (0, 64),
    "decoder_dim": (1, 2**13),
    "decoder_depth": (0, 64),
    "kernel_size": (1, 255),
    "expansion": (1, 16),
    "pitch_min": (1, 384_000),
    "pitch_bins": (1, 2**11),
    "pitch_cents": (0.01, 1200),
    "short_n_fft": (0, 2**14),
    "encoder_look_ahead": (0, 2**13),
    "decoder_look_ahead": (0, 2**13),
    "pitch_lead": (0, 2**8),
}
_PARTS, _OCTAVES = 256, 24
# Bounds that keep every intermediate of the integer encoder within 32 bits; see `check_ranges`.
_INTEGER_BOUNDS: dict[str, tuple[float, float]] = {
    "sample_rate": (16000, 16000),
    "hop_length": (2, 2**14),
    "subframe_length": (2, 200),
    "n_fft": (16, 1600),
    "encoder_dim": (1, 1024),
    "expansion": (1, 8),
    "kernel_size": (1, 127),
    "pitch_min": (1, 4000),
    "pitch_bins": (1, 1024),
}
_SPANS = ((8,), (4,), (2,), (8, 4), (8, 2), (4, 2))
LIVE_SECONDS = 0.08
"""Largest latency of the presets of the size `live`."""


@dataclasses.dataclass(frozen=True)
class CodecConfig:
    """Shape of one codec; hashable, so that it can be a static argument of `jax.jit`.

    Defaults must not change: models that were saved before a field existed have its default.

    Attributes:
        sample_rate: rate of the waveform in Hz.
        hop_length: samples per token.
        bits: bits per token; the codebook has `2 ** bits` entries.
        subframe_length: samples per step of the front end and of the synthesis filters;
            divides `hop_length`.
        n_fft: window of the encoder's front end in samples, a multiple of `subframe_length`.
        encoder_dim, encoder_depth: width and number of ConvNeXt blocks of the encoder.
        decoder_dim, decoder_depth: the same of the decoder.
        kernel_size: taps of the depthwise convolutions, odd.
        expansion: width of the MLP in a block over the width of the block.
        pitch_min: lowest fundamental frequency in Hz.
        pitch_bins: number of fundamental frequencies the decoder chooses from.
        pitch_cents: step between two of them, in hundredths of a semitone.
        short_n_fft: a second, shorter window about the middle of the first, in samples, a multiple
            of `subframe_length`, which resolves time better, as the first one resolves harmonics.
            0 is none.
        encoder: "float", or "integer", whose tokens are the same on every machine.
        encoder_look_ahead, decoder_look_ahead: frames of look-ahead of all blocks of the encoder,
            or of the decoder, together; None makes the blocks symmetric.
        pitch_lead: frames by which the decoder's pitch runs ahead of its filters, so that the
            synthesizer, which interpolates pitch, waits for fewer frames.
        noise: generator of the synthesizer's noise: "hash", or "threefry", that of older models.
    """

    sample_rate: int = 16000
    hop_length: int = 200
    bits: int = 16
    subframe_length: int = 100
    n_fft: int = 800
    encoder_dim: int = 256
    encoder_depth: int = 5
    decoder_dim: int = 256
    decoder_depth: int = 7
    kernel_size: int = 7
    expansion: int = 3
    pitch_min: float = 60.0
    pitch_bins: int = 256
    pitch_cents: float = 15.0
    short_n_fft: int = 0
    encoder: str = "float"
    encoder_look_ahead: int | None = None
    decoder_look_ahead: int | None = None
    pitch_lead: int = 0
    noise: str = "threefry"

    def __post_init__(self) -> None:
        fields.check(self)
        fields.check_bounds(self, _BOUNDS)
        if self.hop_length % self.subframe_length:
            raise ValueError(
                f"subframe_length {self.subframe_length} does not divide "
                f"hop_length {self.hop_length}"
            )
        if self.n_fft < self.subframe_length or self.n_fft % self.subframe_length:
            raise ValueError(
                f"n_fft must be a multiple of subframe_length {self.subframe_length}, "
                f"not {self.n_fft}"
            )
        if (self.n_fft - self.subframe_length) % 2:
            raise ValueError(
                f"n_fft {self.n_fft} and subframe_length {self.subframe_length} must both be "
                "even, or both odd"
            )
        if self.short_n_fft and (
            not 0 < self.short_n_fft < self.n_fft
            or self.short_n_fft % self.subframe_length
            or (self.n_fft - self.short_n_fft) % 2
        ):
            raise ValueError(
                f"short_n_fft must be 0, or a multiple of subframe_length {self.subframe_length} "
                f"below n_fft {self.n_fft} and odd or even as that is, not {self.short_n_fft}"
            )
        for name in ("hop_length", "n_fft"):  # each multiple adds a layer to the network
            if getattr(self, name) > _PARTS * self.subframe_length:
                raise ValueError(
                    f"{name} {getattr(self, name)} is more than {_PARTS} times subframe_length "
                    f"{self.subframe_length}"
                )
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, not {self.kernel_size}")
        octaves = (self.pitch_bins - 1) * self.pitch_cents / 1200
        if octaves > _OCTAVES:
            raise ValueError(
                f"pitch_bins {self.pitch_bins} and pitch_cents {self.pitch_cents} make "
                f"{octaves:.4g} octaves, more than {_OCTAVES}"
            )
        for part in ("encoder", "decoder"):
            frames, most = getattr(self, f"{part}_look_ahead"), getattr(self, f"{part}_depth")
            most *= self.kernel_size - 1
            if frames is not None and frames > most:
                raise ValueError(
                    f"{part}_look_ahead must be at most {most}, as its blocks have no more taps, "
                    f"not {frames}"
                )
        if self.encoder not in ("float", "integer"):
            raise ValueError(f"encoder must be float or integer, not {self.encoder}")
        if self.noise not in ("threefry", "hash"):
            raise ValueError(f"noise must be threefry or hash, not {self.noise}")
        if self.encoder == "integer":
            self._check_integer()

    def _check_integer(self) -> None:
        try:
            fields.check_bounds(self, _INTEGER_BOUNDS)
            if self.subframe_length % 2:
                raise ValueError(f"subframe_length must be even, not {self.subframe_length}")
            if (spans := tuple(n / self.subframe_length for n in self.windows)) not in _SPANS:
                raise ValueError(
                    "n_fft and short_n_fft must be two of 8, 4 and 2 times subframe_length, or one "
                    f"of them and 0, not {spans} times"
                )
        except ValueError as error:
            raise ValueError(f"integer encoder: {error}") from None

    @property
    def codebook_size(self) -> int:
        """Number of different tokens."""
        return 1 << self.bits

    @property
    def frame_rate(self) -> float:
        """Tokens per second."""
        return self.sample_rate / self.hop_length

    @property
    def bitrate(self) -> float:
        """Bits per second."""
        return self.frame_rate * self.bits

    @property
    def subframes(self) -> int:
        """Front-end frames, and synthesis filters, per token."""
        return self.hop_length // self.subframe_length

    @property
    def filter_length(self) -> int:
        """Window of the synthesis filters in samples; it advances by a quarter."""
        return 4 * self.subframe_length

    @property
    def filter_bins(self) -> int:
        """Frequencies of a synthesis filter."""
        return self.filter_length // 2 + 1

    @property
    def windows(self) -> tuple[int, ...]:
        """Analysis windows of the encoder in samples, the longest first."""
        return (self.n_fft, self.short_n_fft) if self.short_n_fft else (self.n_fft,)

    @property
    def margin(self) -> int:
        """Samples before and after a subframe that its longest analysis window spans."""
        return (self.n_fft - self.subframe_length) // 2

    @property
    def encoder_taps(self) -> tuple[tuple[int, int], ...]:
        """Frames before and after its own that each block of the encoder sees."""
        return self._taps(self.encoder_depth, self.encoder_look_ahead)

    @property
    def decoder_taps(self) -> tuple[tuple[int, int], ...]:
        """The same of the decoder."""
        return self._taps(self.decoder_depth, self.decoder_look_ahead)

    def _taps(self, depth: int, look_ahead: int | None) -> tuple[tuple[int, int], ...]:
        most = self.kernel_size - 1
        if look_ahead is None:
            look_ahead = depth * most // 2
        after = [look_ahead * (i + 1) // depth - look_ahead * i // depth for i in range(depth)]
        return tuple((most - right, right) for right in after)

    @property
    def encoder_halo(self) -> tuple[int, int]:
        """Samples before and after a frame that its token depends on."""
        left, right = map(sum, zip((0, 0), *self.encoder_taps, strict=True))
        return self.margin + left * self.hop_length, self.margin + right * self.hop_length

    @property
    def synthesis_halo(self) -> int:
        """Token frames of filters on either side that the samples of a frame depend on."""
        return math.ceil(3 / self.subframes)

    @property
    def pitch_halo(self) -> int:
        """Token frames of pitch on either side that synthesis needs.

        Two more than the filters: pitch is smoothed over three frames and interpolated
        towards the next one.
        """
        return self.synthesis_halo + 2

    @property
    def control_halo(self) -> tuple[int, int]:
        """Token frames of decoder output before and after a frame that synthesis needs."""
        filters = math.ceil(2 / self.subframes)
        return self.pitch_halo + self.pitch_lead, max(self.pitch_halo - self.pitch_lead, filters)

    @property
    def decoder_halo(self) -> tuple[int, int]:
        """Tokens before and after a frame that its samples depend on."""
        left, right = map(sum, zip(self.control_halo, *self.decoder_taps, strict=True))
        return left, right

    @property
    def latency(self) -> int:
        """Samples from mouth to ear: a frame, and what encoder and decoder wait for after it."""
        return self.encoder_halo[1] + (1 + self.decoder_halo[1]) * self.hop_length

    def frames(self, samples: int) -> int:
        """Number of tokens of a clip of `samples` samples."""
        return -(-samples // self.hop_length)

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> CodecConfig:
        """The inverse of `to_dict`; ValueError if a field is unknown or out of bounds."""
        if unknown := found.keys() - {field.name for field in dataclasses.fields(cls)}:
            raise ValueError(f"codec config does not know {sorted(unknown)}; update audiotok_jax")
        return cls(**found)


def preset(name: str) -> CodecConfig:
    """The configuration called `name`, for example `small-80hz`; ValueError if there is none."""
    try:
        (encoder, decoder), (hop, sub) = _PRESETS[name]
    except KeyError:
        close = difflib.get_close_matches(name, _PRESETS, n=1, cutoff=0.3)
        hint = f", did you mean {close[0]}?" if close else "."
        raise ValueError(f"no preset {name!r}{hint} Presets: {', '.join(_PRESETS)}") from None
    config = CodecConfig(
        hop_length=hop,
        subframe_length=sub,
        encoder_dim=encoder[0],
        encoder_depth=encoder[1],
        decoder_dim=decoder[0],
        decoder_depth=decoder[1],
    )
    return _live(config) if name.startswith("live") else config


def _live(config: CodecConfig) -> CodecConfig:
    """A preset of the size `live`: the decoder has all the look-ahead that the latency allows."""
    config = dataclasses.replace(
        config,
        n_fft=8 * config.subframe_length,
        short_n_fft=4 * config.subframe_length,
        encoder="integer",
        encoder_look_ahead=0,
        decoder_look_ahead=0,
        pitch_lead=max(0, config.pitch_halo - 1),
        noise="hash",
    )
    left = LIVE_SECONDS * config.sample_rate - config.latency
    return dataclasses.replace(config, decoder_look_ahead=int(left // config.hop_length))


_PRESETS = {
    f"{size}-{rate}hz": (shape, hops)
    for size, shape in SIZES.items()
    for rate, hops in RATES.items()
    # At 25 Hz, half a window and two frames last longer than `LIVE_SECONDS`.
    if (size, rate) != ("live", 25)
}
PRESETS = tuple(_PRESETS)
