"""Where quality is lost: what the original's pitch, or ideal filters, would bring.

    python experiments/default_model/limits.py ../shared/speech/eval

Three seconds of some clips of each set, decoded as they are, with the pitch that training finds in
the original, and with filters fitted to the clip by gradient descent. Prints PESQ-WB and STOI.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from pesq import pesq
from pystoi import stoi

from audiotok_jax import audio, pretrained
from audiotok_jax.codec import model
from audiotok_jax.codec.decoder import Controls, synthesize
from audiotok_jax.config import CodecConfig
from audiotok_jax.evaluate import clips
from audiotok_jax.train import losses, perceptual
from audiotok_jax.train import pitch as pitch_tracker

RATE = 16000
SECONDS = 3
STEPS = 200


def play(filters: tuple[Array, Array], pitch: Array, config: CodecConfig) -> Array:
    """Filters and pitch of one clip, with their halos, to float32 (1, S)."""
    zero = jnp.zeros(1, jnp.int32)
    controls = Controls(jnp.zeros(()), *filters)
    return synthesize(controls, pitch, zero.astype(jnp.uint32), zero, config)


def decodings(wave: Array, params: model.Params, config: CodecConfig) -> dict[str, Array]:
    """Speech (S,) by what it was decoded from; to be jitted."""
    tokens = model.encode(params, config, wave[None])
    tokens = jnp.pad(tokens, ((0, 0), (config.decoder_halo,) * 2), constant_values=-1)
    found, pitch, _ = model.window_controls(params, config, tokens)
    filters = found.harmonic, found.noise
    original, _ = pitch_tracker.track(wave[None], config)
    original = jnp.pad(original, ((0, 0), (config.control_halo,) * 2), mode="edge")
    optimizer = optax.adam(0.05)

    def distance(filters: tuple[Array, Array]) -> Array:
        decoded = play(filters, original, config)
        mel, stft = losses.reconstruction(decoded, wave[None], RATE)
        understood = perceptual.intelligibility(decoded, wave[None], RATE)[0]
        return mel + 0.5 * stft + 2 * understood

    def step(carry: tuple, _: None) -> tuple[tuple, None]:
        filters, state = carry
        updates, state = optimizer.update(jax.grad(distance)(filters), state)
        return (optax.apply_updates(filters, updates), state), None

    (fitted, _), _ = jax.lax.scan(step, (filters, optimizer.init(filters)), None, length=STEPS)
    return {
        "tokens": play(filters, pitch, config)[0],
        "tokens, pitch of the original": play(filters, original, config)[0],
        "fitted filters, pitch of the original": play(fitted, original, config)[0],
    }


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("speech", help="folder or table of speech; its folders are the sets")
    parser.add_argument("--limit", type=int, default=5, help="clips of each set")
    parser.add_argument("--model", help="default: the released one")
    args = parser.parse_args()
    params, config, model_id, _ = pretrained.load(args.model)
    run = jax.jit(lambda wave: decodings(wave, params, config))
    scores = defaultdict(list)
    found, _ = clips.find([args.speech], limit=args.limit)
    for clip in found:
        wave = audio.read(clip.path, RATE)[0][: SECONDS * RATE]
        wave = np.pad(wave, (0, SECONDS * RATE - len(wave)))
        for name, decoded in run(wave).items():
            heard = np.asarray(decoded)
            scores[name].append((pesq(RATE, wave, heard, "wb"), stoi(wave, heard, RATE)))
    print(f"model {model_id}, {len(found)} clips")
    for name, values in scores.items():
        quality, understood = np.mean(values, axis=0)
        print(f"{name:40s} PESQ-WB {quality:.2f}  STOI {understood:.3f}")


if __name__ == "__main__":
    main()
