"""Augmentation of training crops: speed, timbre, level, noise, rooms, bandwidth.

A codec learns to reproduce its input, so an augmented crop is both input and target: added noise
and reverberation are reproduced, not removed. Only a separate target, the same speech without its
noise, gets no added noise.
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
    """Probabilities and ranges of the augmentations, in the order of their application.

    Attributes:
        speed: share of crops that are played faster or slower, which changes pitch and formants
            along with the tempo.
        speed_range: of the factor; above 1 is faster.
        colour: share of crops whose spectrum is equalised at random, as by other voices and
            microphones.
        colour_db: largest change of the spectrum in either direction.
        reverb: share of crops with reverberation.
        reverb_data: impulse responses of rooms; locations as in `data.sources.open_clips`.
        noise: share of crops with added noise.
        noise_data: recordings of noise; locations likewise.
        snr_db: range of the signal-to-noise ratio.
        band: share of crops with limited bandwidth; half of them are low-pass filtered at a
            frequency from `band_hz`, the others limited to the telephone band.
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
"""The telephone band (ITU-T G.712)."""

COLOUR_HZ = (0.0, 150.0, 300.0, 600.0, 1000.0, 1600.0, 2400.0, 3400.0, 5000.0, 8000.0)
"""Frequencies at which the equalisation is drawn; it is linear between them."""


def change_speed(wave: Wave, factor: float) -> Wave:
    """Plays float32 (samples,) `factor` times as fast: about samples / factor samples."""
    return soxr.resample(wave, factor, 1.0) if len(wave) else wave


def recolour(waves: Wave, db: NDArray[np.float64], sample_rate: int) -> Wave:
    """Changes the level of the spectrum at each of `COLOUR_HZ`.

    Phases stay, so that speech is not delayed, and the first wave keeps its power.

    Args:
        waves: float32 (rows, samples), the same speech in each.
        db: float64, change in decibels at each of `COLOUR_HZ`.
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
    """Adds noise at a signal-to-noise ratio of `snr_db` decibels.

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

    Speech is not delayed, as the loudest sample of the response is taken as the direct sound, and
    the first wave keeps its power.

    Args:
        waves: float32 (rows, samples), the same speech in each.
        impulse: float32 (taps,); a silent one changes nothing.

    Returns:
        float32 (rows, samples); the tail after the end is cut off.
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
    """`samples` samples of an endlessly repeated wave, from `start` on."""
    return wave[np.arange(start, start + samples) % len(wave)]


def draw_speed(config: Augment, random: np.random.Generator) -> float:
    """The speed of a crop; 1.0 for an unchanged one."""
    return random.uniform(*config.speed_range) if random.random() < config.speed else 1.0


def change(
    waves: Wave,
    config: Augment,
    sample_rate: int,
    random: np.random.Generator,
    impulse: Callable[[], Wave],
    noise: Callable[[], Wave],
) -> Wave:
    """Applies all augmentations but the speed to a crop.

    Args:
        waves: float32 (1, samples); or (3, samples) for a crop with a separate target: input,
            recording and target. Noise is added to the input only, other changes apply to each.
        config: probabilities and ranges.
        sample_rate: in Hz.
        random: the only source of random numbers.
        impulse: returns an impulse response, float32 (taps,); called only if needed.
        noise: returns noise, float32 of any length; called only if needed.
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
        # In steps of 10 Hz, as designing a new filter takes longer than applying it.
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
    return scipy.signal.butter(8, edges, kind, fs=sample_rate, output="sos")


def _at_power(changed: NDArray[np.floating], waves: Wave) -> Wave:
    # One factor for all, so that a target keeps its level relative to the recording.
    power, left = _power(waves[0]), _power(changed[0])
    return (changed * np.sqrt(power / left)).astype(np.float32) if power and left else waves


def _power(wave: NDArray[np.floating]) -> float:
    return float(np.mean(np.square(wave, dtype=np.float64)))
