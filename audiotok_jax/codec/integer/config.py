"""Shape of an integer encoder."""

from __future__ import annotations

import dataclasses

from audiotok_jax import fields

SAMPLE_RATE = 16000
# Above this there is little that tells one fundamental from another.
HIGHEST_HARMONIC_HZ = 2500.0

# What keeps every intermediate within 32 bits; `params.check_ranges` derives them.
_BOUNDS: dict[str, tuple[float, float]] = {
    "hop_length": (2, 2**14),
    "subframe_length": (2, 200),
    "bits": (1, 16),
    "dim": (1, 1024),
    "expansion": (1, 8),
    "pitch_min": (1.0, 4000.0),
    "pitch_bins": (1, 1024),
    "pitch_cents": (0.01, 1200.0),
}


@dataclasses.dataclass(frozen=True)
class IntegerConfig:
    """Shape of one integer encoder of int16 samples at 16 kHz; hashable, a static jit argument.

    Attributes:
        hop_length: samples per token.
        subframe_length: samples per step of the front end; even, divides `hop_length`.
        bits: bits per token.
        spans: subframes that each analysis window spans, the longest first: 8, 4 or 2. All have
            the same middle, that of the subframe. The first one finds the pitch as well.
        dim: width of the network.
        expansion: width of the MLP in a block over `dim`.
        left: for each block, the frames before its own that its convolution sees.
        right: for each block, the frames after its own; with half of the longest window, these
            are the look-ahead.
        pitch_min: lowest fundamental frequency in Hz that periodicity is measured at.
        pitch_bins: number of them.
        pitch_cents: step between two of them, in hundredths of a semitone.
    """

    hop_length: int = 200
    subframe_length: int = 100
    bits: int = 16
    spans: tuple[int, ...] = (8, 4)
    dim: int = 384
    expansion: int = 3
    left: tuple[int, ...] = (3, 3)
    right: tuple[int, ...] = (3, 3)
    pitch_min: float = 60.0
    pitch_bins: int = 256
    pitch_cents: float = 15.0

    def __post_init__(self) -> None:
        fields.check(self)
        fields.check_bounds(self, _BOUNDS)
        if self.subframe_length % 2 or self.hop_length % self.subframe_length:
            raise ValueError(
                f"subframe_length must be even and divide hop_length {self.hop_length}, "
                f"not {self.subframe_length}"
            )
        if self.spans not in ((8,), (4,), (2,), (8, 4), (8, 2), (4, 2), (8, 4, 2)):
            raise ValueError(f"spans must be some of 8, 4 and 2, in this order, not {self.spans}")
        if len(self.left) != len(self.right) or len(self.left) > 64:
            raise ValueError("left and right must name as many blocks, at most 64")
        if not all(0 <= taps <= 127 for taps in self.left + self.right):
            raise ValueError(f"left and right must lie in 0..127, not {self.left}, {self.right}")
        if not self.heard:
            raise ValueError(f"no bins below {HIGHEST_HARMONIC_HZ:g} Hz tell a pitch")

    @property
    def window(self) -> int:
        """Samples of the longest analysis window."""
        return self.spans[0] * self.subframe_length

    @property
    def margin(self) -> int:
        """Samples on either side of a subframe that its features depend on."""
        return (self.window - self.subframe_length) // 2

    @property
    def halo(self) -> tuple[int, int]:
        """Samples before and after a frame that its token depends on."""
        return (
            self.margin + sum(self.left) * self.hop_length,
            self.margin + sum(self.right) * self.hop_length,
        )

    @property
    def lead(self) -> int:
        """Zeros that a stream begins with, so that no step waits for samples it needs not."""
        return -self.margin % self.hop_length

    @property
    def delay(self) -> int:
        """Tokens that a stream gives before that of the first frame."""
        return sum(self.right) + (self.margin + self.lead) // self.hop_length

    @property
    def heard(self) -> range:
        """Bins of the longest window that periodicity is told from.

        The mean of a frame, spread by the window over two bins, is no part of the voice.
        """
        return range(2, -int(-HIGHEST_HARMONIC_HZ * self.window // SAMPLE_RATE))

    @property
    def features(self) -> int:
        """Numbers that the network is given of a frame."""
        of_spans = sum(span * self.subframe_length // 2 + 1 for span in self.spans)
        return (of_spans + self.pitch_bins) * (self.hop_length // self.subframe_length)

    def frames(self, samples: int) -> int:
        """Number of tokens of a clip of `samples` samples."""
        return -(-samples // self.hop_length)
