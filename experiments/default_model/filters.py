"""The effect of changes to the decoder's two filters on quality, without training.

    python experiments/default_model/filters.py ../shared/speech/eval --limit 10

Lowers the noise, everywhere, where the harmonics are stronger or where they are weaker, and raises
formants by a postfilter. Prints means over clips of each set.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from audiotok_jax import audio, pretrained
from audiotok_jax.codec import decoder, model
from audiotok_jax.codec.heads.source_filter import Controls
from audiotok_jax.config import CodecConfig
from audiotok_jax.evaluate import clips, metrics
from audiotok_jax.evaluate.align import align

RATE = metrics.RATE
NAMES = ("pesq_wb", "stoi", "dnsmos_ovrl", "dnsmos_sig", "dnsmos_bak", "dnsmos_p808")
DECIBEL = np.log(10) / 20


def smooth(logs: Array, bins: int) -> Array:
    """Means over an odd number of neighbouring bins; the outermost ones are repeated."""
    edges = [(0, 0)] * (logs.ndim - 1) + [(bins // 2,) * 2]
    padded = jnp.pad(logs, edges, mode="edge")
    shifted = (padded[..., i : i + logs.shape[-1]] for i in range(bins))
    return sum(shifted, jnp.zeros(())) / bins


def voiced(controls: Controls) -> Array:
    """Near 1 where the harmonics' filter is above that of the noise, near 0 below."""
    return jax.nn.sigmoid(2 * (smooth(controls.harmonic, 9) - controls.noise))


def lower(controls: Controls, db: float, where: Array | float = 1.0) -> Controls:
    """Noise that is `db` decibels weaker where `where` is 1."""
    return controls._replace(noise=controls.noise - db * DECIBEL * where)


def postfilter(controls: Controls, strength: float) -> Controls:
    """Harmonics whose log-magnitudes are further from their mean over 15 bins, at equal energy."""
    old = controls.harmonic
    new = old + strength * (old - smooth(old, 15))
    energy = [jax.nn.logsumexp(2 * logs, axis=-1, keepdims=True) for logs in (old, new)]
    return controls._replace(harmonic=new + (energy[0] - energy[1]) / 2)


CHANGES = {
    "none": lambda controls: controls,
    "noise 3 dB lower": lambda controls: lower(controls, 3),
    "noise 6 dB lower": lambda controls: lower(controls, 6),
    "  under the harmonics": lambda controls: lower(controls, 6, voiced(controls)),
    "  elsewhere": lambda controls: lower(controls, 6, 1 - voiced(controls)),
    "postfilter 0.2": lambda controls: postfilter(controls, 0.2),
    "postfilter 0.4": lambda controls: postfilter(controls, 0.4),
}


def decodings(wave: Array, params: model.Params, config: CodecConfig) -> dict[str, Array]:
    """Speech (S,) by what was changed; to be jitted."""
    tokens = model.encode(params, config, wave[None])
    tokens = jnp.pad(tokens, ((0, 0), config.decoder_halo), constant_values=-1)
    parts, _ = model.prepare(params, config, tokens)

    def play(controls: Controls) -> Array:
        changed = parts._replace(controls=controls)
        return decoder.render(config, changed, decoder.start(config, 1))[0]

    return {name: play(change(parts.controls)) for name, change in CHANGES.items()}


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("speech", nargs="+", help="folders or tables of speech")
    parser.add_argument("--limit", type=int, default=5, help="clips of each set")
    parser.add_argument("--model", help="default: the released one")
    args = parser.parse_args()
    params, config, model_id, _ = pretrained.load(args.model)
    run = jax.jit(lambda wave: decodings(wave, params, config))
    usable, _ = metrics.available(NAMES)
    scores = defaultdict(list)
    found, _ = clips.find(args.speech, limit=args.limit)
    for clip in found:
        wave = audio.read(clip.path, RATE)[0]
        original = metrics.Original(wave, clip.language)
        # In steps of two seconds, so that few lengths are compiled.
        padded = np.pad(wave, (0, -len(wave) % (2 * RATE)))
        decoded = run(padded)
        for name in CHANGES:
            heard = align(wave, np.asarray(decoded[name])[: len(wave)], RATE).decoded
            values = metrics.measure(original, heard, usable)
            scores[clip.set, name].append([values[metric.name] for metric in usable])
    print(f"model {model_id}, {len(found)} clips: {', '.join(m.label for m in usable)}")
    for (folder, name), rows in scores.items():
        means = np.mean(np.array(rows, float), axis=0)
        print(f"{folder:24s} {name:22s}", *(f"{mean:6.3f}" for mean in means))


if __name__ == "__main__":
    main()
