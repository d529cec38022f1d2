"""Bits or networks: what a decoder tuned to latents before quantization, or a deeper one, brings.

    python experiments/default_model/bits_or_networks.py ../shared/speech/eval \
        --data ../shared/speech/train.tsv

The encoder of a released model is frozen. Its decoder is trained for some steps more, by the
losses of the default model: on codes of tokens, as control; the same with more blocks; and on
latents that were scaled to the sphere and not rounded to its corners, as if bits cost nothing.
Prints the same measures as limits.py, of three seconds of some clips of each set.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from grow import grow
from jax import Array
from limits import compare
from speech_80hz_v10 import config as settings

from audiotok_jax import pretrained
from audiotok_jax.codec import decoder, encoders, model, quantizers
from audiotok_jax.codec.quantizers.binary_spherical import normalize
from audiotok_jax.config import CodecConfig
from audiotok_jax.data import pipeline, sources
from audiotok_jax.train.objectives.objective import Forward, GradInputs
from audiotok_jax.train.objectives.stage_1 import Stage1
from audiotok_jax.train.state import Batch, crop_samples

DEEPER = 4
"""Blocks that are added."""

RATE_OF_LEARNING = 2e-4


class Codes(NamedTuple):
    """What a decoder is tuned to.

    Attributes:
        quantized: codes of tokens, or latents on the sphere.
        blocks: that are added to the decoder.
    """

    quantized: bool
    blocks: int = 0

    def of(self, params: model.Params, config: CodecConfig, wave: Array) -> Array:
        """Float32 (B, T, bits) of samples with halo, float32 (B, S)."""
        latent = model.latent(params, config, wave, jnp.float32)
        return quantizers.of(config).quantize(latent) if self.quantized else normalize(latent)


TRIED = {
    "tokens, decoder tuned further": Codes(quantized=True),
    f"tokens, {DEEPER} more blocks": Codes(quantized=True, blocks=DEEPER),
    "latents before quantization": Codes(quantized=False),
}


def main() -> None:
    """Reads the arguments, tunes, measures, prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("speech", nargs="+", help="folders or tables of speech to measure on")
    parser.add_argument("--data", required=True, help="speech to train on")
    parser.add_argument("--limit", type=int, default=2, help="clips of each set")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--model", help="default: the released one")
    args = parser.parse_args()
    found = pretrained.load(args.model)
    encoder = encoders.of(found.config).restore(found.params["encoder"])
    released = {**found.params, "encoder": encoder}
    decoders = {"tokens": (Codes(quantized=True), found.config, released["decoder"])}
    for name, codes in TRIED.items():
        config = dataclasses.replace(
            found.config, decoder_depth=found.config.decoder_depth + codes.blocks
        )
        begun = {**released, "decoder": grow({"decoder": released["decoder"]}, config)["decoder"]}
        tuned = trained(codes, begun, config, args.data, args.steps)
        decoders[name] = codes, config, tuned

    def decode(wave: Array) -> dict[str, Array]:
        return {
            name: play(codes, config, {**released, "decoder": params}, wave[None])[0]
            for name, (codes, config, params) in decoders.items()
        }

    compare(args.speech, args.limit, decode, f"model {found.model_id}, {args.steps} steps")


@functools.partial(jax.jit, static_argnums=(0, 1))
def play(codes: Codes, config: CodecConfig, params: model.Params, wave: Array) -> Array:
    """Encodes and decodes whole clips, float32 (B, S)."""
    found = codes.of(params, config, jnp.pad(wave, ((0, 0), config.encoder_halo)))
    found = jnp.pad(found, ((0, 0), config.decoder_halo, (0, 0)))
    parts, _ = decoder.prepare(params["decoder"], config, found)
    return decoder.render(config, parts, decoder.start(config, len(wave)))


def trained(codes: Codes, params: model.Params, config: CodecConfig, data: str, steps: int) -> Any:
    """Parameters of the decoder after some steps."""
    recipe = settings().recipe
    objective = Stage1(config, recipe)
    networks = {
        loss.name: loss.open(config, recipe.seconds, recipe.precision)
        for loss in recipe.active_losses
    }
    schedule = optax.warmup_cosine_decay_schedule(0.0, RATE_OF_LEARNING, 20, steps)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))

    @jax.jit  # weights are arguments, or XLA would compute with them as it compiles
    def step(own: Any, state: Any, params: Any, networks: Any, number: Array, batch: Batch) -> Any:
        wave = jnp.pad(batch.noisy, ((0, 0), config.encoder_halo))
        given = codes.of(params, config, wave)
        keys = jax.vmap(lambda row: jax.random.fold_in(jax.random.key(number), row))(batch.row)
        inputs = GradInputs(number, params, {}, networks)

        def total(own: Any) -> Array:
            decoded, terms = decoder.reconstruct(
                own, config, given, batch.recording, keys, jnp.float32
            )
            return objective.reconstruction(Forward(decoded, given, terms), inputs, batch)[0]

        loss, gradient = jax.value_and_grad(total)(own)
        updates, state = optimizer.update(gradient, state, own)
        return optax.apply_updates(own, updates), state, loss

    own = params["decoder"]
    state = optimizer.init(own)
    for number, batch in zip(range(steps), batches(config, data), strict=False):
        own, state, loss = step(own, state, params, networks, jnp.int32(number), batch)
        if number % 20 == 0:
            print(f"<!-- {codes}, step {number}: loss {float(loss):.3f} -->", flush=True)
    return own


def batches(config: CodecConfig, data: str) -> Iterator[Batch]:
    """Of crops, augmented as in the training of the default model."""
    chosen = settings()
    rows = np.arange(chosen.recipe.batch_size, dtype=np.int32)
    loader = pipeline.Loader(
        sources.open_clips([data], config.sample_rate),
        crop_samples(config, chosen.recipe),
        len(rows),
        0,
        augment=chosen.augment,
        weights=dict(chosen.weights),
        workers=0,
    )
    return (Batch(c.audio, c.speech, c.target, rows, np.zeros_like(rows)) for c in loader)


if __name__ == "__main__":
    main()
