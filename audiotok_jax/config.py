"""`CodecConfig`, the shape of a codec, and its named presets.

A preset is named `SIZE-RATEhz`, for example `small-80hz`: 80 tokens of 16 bits a second, 1.28 kbps.
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
}
# Token hop and synthesis hop in samples, by frame rate in Hz at 16 kHz.
RATES = {25: (640, 80), 40: (400, 100), 50: (320, 80), 80: (200, 100), 100: (160, 80)}

# Far beyond what is of use, and within what can be built; both ends are allowed.
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
}
_PARTS, _OCTAVES = 256, 24


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
            of `subframe_length`; it tells better when something happens, the first one which
            harmonics there are. 0 is none.
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
        for name in ("hop_length", "n_fft"):  # each part of them is a layer of what is built
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
    def encoder_halo(self) -> tuple[int, int]:
        """Samples before and after a frame that its token depends on."""
        frames = self.encoder_depth * (self.kernel_size // 2)
        side = frames * self.hop_length + (self.n_fft - self.subframe_length) // 2
        return side, side

    @property
    def synthesis_halo(self) -> int:
        """Token frames of filters on either side that the samples of a frame depend on."""
        return math.ceil(3 / self.subframes)

    @property
    def control_halo(self) -> int:
        """Token frames of decoder output on either side that synthesis needs.

        Two more than the filters: pitch is smoothed over three frames and interpolated
        towards the next one.
        """
        return self.synthesis_halo + 2

    @property
    def decoder_halo(self) -> tuple[int, int]:
        """Tokens before and after a frame that its samples depend on."""
        side = self.decoder_depth * (self.kernel_size // 2) + self.control_halo
        return side, side

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
    return CodecConfig(
        hop_length=hop,
        subframe_length=sub,
        encoder_dim=encoder[0],
        encoder_depth=encoder[1],
        decoder_dim=decoder[0],
        decoder_depth=decoder[1],
    )


_PRESETS = {
    f"{size}-{rate}hz": (shape, hops)
    for size, shape in SIZES.items()
    for rate, hops in RATES.items()
}
PRESETS = tuple(_PRESETS)
