"""Augmentation of training crops: speed, timbre, level, noise, rooms, bandwidth.

A codec learns to reproduce what it hears, so a changed crop is input and target alike: noise and
rooms that are added are part of what it is to carry, and not to be removed. Only where a crop has a
target of its own, which is the speech without its noise, no noise is added to that.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import scipy.signal
import soxr
from numpy.typing import NDArray

from audiotok_jax import fields

Wave = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Augment:
    """Probabilities and ranges of the augmentations, in the order of their use.

    Attributes:
        speed: share of crops that are played faster or slower, which moves pitch and formants with
            the tempo: a woman becomes a child, or a man.
        speed_range: of the factor; above 1 is faster.
        colour: share of crops whose spectrum is made brighter and darker here and there, as other
            voices and microphones would have it.
        colour_db: largest change of the spectrum, either way.
        reverb: share of crops that are put into a room.
        reverb_data: impulse responses of rooms; locations as of `data.sources.open_clips`.
        noise: share of crops that noise is added to.
        noise_data: noise; locations likewise.
        snr_db: range of the ratio of the power of speech to that of noise.
        band: share of crops of limited bandwidth; half of them lose what lies above a frequency
            drawn from `band_hz`, the others all but the band of a telephone.
        band_hz: range of that frequency.
        gain: share of crops whose level is changed; the others keep that of their recording.
        gain_db: range of the change.
    """

    speed: float = 0.0
    speed_range: tuple[float, float] = (0.85, 1.4)
    colour: float = 0.0
    colour_db: float = 6.0
    reverb: float = 0.0
    reverb_data: tuple[str, ...] = ()
    noise: float = 0.0
    noise_data: tuple[str, ...] = ()
    snr_db: tuple[float, float] = (5.0, 30.0)
    band: float = 0.0
    band_hz: tuple[float, float] = (2000.0, 7000.0)
    gain: float = 0.5
    gain_db: tuple[float, float] = (-20.0, 6.0)

    def __post_init__(self) -> None:
        fields.check(self)
        for name in ("speed", "colour", "reverb", "noise", "band", "gain"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be a share in 0..1, not {getattr(self, name)}")
        for name in ("speed_range", "snr_db", "band_hz", "gain_db"):
            low, high = getattr(self, name)
            if not low <= high:
                raise ValueError(f"{name} must be a range LOW, HIGH, not {low}, {high}")
        if self.speed_range[0] <= 0:
            raise ValueError(f"speed_range must be above 0, not {self.speed_range[0]}")
        if self.colour_db < 0:
            raise ValueError(f"colour_db must not be negative, but is {self.colour_db}")
        for name in ("reverb", "noise"):
            if getattr(self, name) and not getattr(self, f"{name}_data"):
                raise ValueError(f"{name} needs {name}_data: name folders or tables of it")


TELEPHONE_HZ = (300.0, 3400.0)
"""The band of a telephone (ITU-T G.712)."""

COLOUR_HZ = (0.0, 150.0, 300.0, 600.0, 1000.0, 1600.0, 2400.0, 3400.0, 5000.0, 8000.0)
"""Where the change of a spectrum is drawn; it is linear between."""


def change_speed(wave: Wave, factor: float) -> Wave:
    """Plays float32 (samples,) `factor` times as fast: about samples / factor samples."""
    return soxr.resample(wave, factor, 1.0) if len(wave) else wave


def recolour(waves: Wave, db: NDArray[np.float64], sample_rate: int) -> Wave:
    """Raises the spectrum at each of `COLOUR_HZ` by so many decibels.

    Phases stay, so that speech keeps its place in time, and so does the power of the first wave.

    Args:
        waves: float32 (rows, samples), the same speech in each.
        db: float64, one for each of `COLOUR_HZ`.
        sample_rate: in Hz.
    """
    hz = np.fft.rfftfreq(waves.shape[1], 1 / sample_rate)
    gains = 10 ** (np.interp(hz, COLOUR_HZ, db) / 20)
    changed = [np.fft.irfft(np.fft.rfft(wave) * gains, len(wave)) for wave in waves]
    return _at_power(np.stack(changed), waves)


def gain(wave: Wave, db: float) -> Wave:
    """Changes the level of float32 (..., samples) by `db` decibels."""
    return wave * np.float32(10 ** (db / 20))


def add_noise(wave: Wave, noise: Wave, snr_db: float) -> Wave:
    """Adds noise of such a level that the power of `wave` is `snr_db` decibels above it.

    Args:
        wave: float32 (samples,); silence stays silent.
        noise: float32 (samples,); silence adds nothing.
        snr_db: in decibels.
    """
    speech_power, noise_power = _power(wave), _power(noise)
    if not (speech_power and noise_power):
        return wave
    return wave + noise * np.float32(np.sqrt(speech_power / noise_power / 10 ** (snr_db / 10)))


def reverberate(waves: Wave, impulse: Wave) -> Wave:
    """Adds reverberation: convolves speech with a room's impulse response.

    Speech stays in its place in time, as the loudest sample of the response counts as the direct
    sound, and the first wave keeps its power.

    Args:
        waves: float32 (rows, samples), the same speech in each.
        impulse: float32 (taps,); a silent one changes nothing.

    Returns:
        float32 (rows, samples); what rings on after the end is cut off.
    """
    if not impulse.any():
        return waves
    direct, samples = int(np.abs(impulse).argmax()), waves.shape[1]
    heard = impulse[: direct + samples]
    rooms = [scipy.signal.fftconvolve(wave, heard)[direct : direct + samples] for wave in waves]
    return _at_power(np.stack(rooms), waves)


def limit_band(wave: Wave, low_hz: float | None, high_hz: float, sample_rate: int) -> Wave:
    """Band-pass filter from `low_hz` (None: low-pass) to `high_hz`.

    Butterworth filters of order 8, 3 dB down at these frequencies.

    Args:
        wave: float32 (..., samples).
        low_hz: more than 0.
        high_hz: less than half of `sample_rate`.
        sample_rate: in Hz.
    """
    return scipy.signal.sosfilt(_filter(low_hz, high_hz, sample_rate), wave).astype(np.float32)


def loop(wave: Wave, samples: int, start: int) -> Wave:
    """`samples` samples of a wave that is repeated without end, from `start` on."""
    return wave[np.arange(start, start + samples) % len(wave)]


def draw_speed(config: Augment, random: np.random.Generator) -> float:
    """How fast a crop is to be played; 1.0 for those that stay as they are."""
    return random.uniform(*config.speed_range) if random.random() < config.speed else 1.0


def change(
    waves: Wave,
    config: Augment,
    sample_rate: int,
    random: np.random.Generator,
    impulse: Callable[[], Wave],
    noise: Callable[[], Wave],
) -> Wave:
    """Changes a crop as `config` says, but for its speed.

    Args:
        waves: float32 (1, samples); or (3, samples), where it has a target of its own: what is
            heard, what was recorded, and the target. Noise is added to what is heard, all else is
            done to each.
        config: what is done, and how often.
        sample_rate: in Hz.
        random: the only source of chance.
        impulse: gives a room's response, float32 (taps,), when it is needed.
        noise: gives noise of any length, likewise.
    """
    if random.random() < config.colour:
        db = random.uniform(-config.colour_db, config.colour_db, len(COLOUR_HZ))
        waves = recolour(waves, db, sample_rate)
    if random.random() < config.reverb:
        waves = reverberate(waves, impulse())
    if random.random() < config.noise:
        found = noise()
        part = loop(found, waves.shape[1], int(random.integers(len(found))))
        noisy = add_noise(waves[0], part, random.uniform(*config.snr_db))
        waves = np.stack([noisy, *waves[1:]])
    if random.random() < config.band:
        telephone = random.random() < 0.5
        # In steps of 10 Hz, as each filter that is new takes longer to design than to use.
        low, high = (
            TELEPHONE_HZ if telephone else (None, round(random.uniform(*config.band_hz), -1))
        )
        waves = limit_band(waves, low, high, sample_rate)
    if random.random() < config.gain:
        waves = gain(waves, random.uniform(*config.gain_db))
    return waves


@functools.lru_cache(1000)
def _filter(low_hz: float | None, high_hz: float, sample_rate: int) -> NDArray[np.float64]:
    edges = high_hz if low_hz is None else (low_hz, high_hz)
    kind = "lowpass" if low_hz is None else "bandpass"
    sections: NDArray[np.float64]
    sections = scipy.signal.butter(8, edges, kind, fs=sample_rate, output="sos")
    return sections


def _at_power(changed: NDArray[np.floating], waves: Wave) -> Wave:
    # One factor for all, so that a target stays at its level beside what was recorded.
    power, left = _power(waves[0]), _power(changed[0])
    return (changed * np.sqrt(power / left)).astype(np.float32) if power and left else waves


def _power(wave: NDArray[np.floating]) -> float:
    return float(np.mean(np.square(wave, dtype=np.float64)))
