"""Replaces the float encoder of a model by an integer one, which is distilled from it.

    python experiments/default_model/integer.py speech-80hz-v9 --data ../shared/speech/train.tsv \
        --out runs/integer

The weights are converted as far as the two encoders have the same layers: the features of one are
fitted to those of the other, the shifts and scales of norms are folded into the layers around them.
Training makes up for the rest, the rounding to 8 bits and norms without a mean, on the cross
entropy between the bit probabilities of both (Hinton et al. 2015, Distilling the Knowledge in a
Neural Network). The decoder stays as it is, except for the noise, which becomes "hash". Every 250
steps it writes the model, and prints the share of bits and of tokens that differ, on other crops of
the same speech.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import itertools
import time
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array
from speech_80hz_v10 import config as recipe

from audiotok_jax import pretrained
from audiotok_jax.codec import encoders
from audiotok_jax.codec.encoders import floating
from audiotok_jax.codec.integer import encoder, from_float
from audiotok_jax.config import CodecConfig
from audiotok_jax.data import pipeline, sources

FRAMES, ROWS = 160, 8
"""Tokens of a crop, and crops of a batch."""

SOFT = 0.3
"""Softness of bits: the scale of a sigmoid, in units of the latents' mean magnitude."""

KEPT = 0.998
"""Decay of the moving average of the parameters."""

TOKENS = jax.jit(
    lambda params, config, wave: encoders.of(config).encode(params, wave, jnp.float32),
    static_argnums=1,
)


def main() -> None:
    """Reads the arguments, converts, trains, writes the folder of a model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="name of a released model, or a folder")
    parser.add_argument("--data", required=True, help="speech to learn from")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=5e-4, help="of learning, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True, help="folder to be written")
    args = parser.parse_args()
    found = pretrained.load(args.model)
    config = dataclasses.replace(found.config, encoder="integer", noise="hash")
    crops = batches(config, args.data, args.seed)
    held = [next(crops) for _ in range(4)]
    teacher = found.params["encoder"]
    tokens = [TOKENS(teacher, found.config, wave) for wave in held]
    student = carried_over(teacher, found.config, held[0])
    print(f"carried over: {differences(student, config, held, tokens)}", flush=True)
    for step, better in learnt(student, teacher, config, crops, args.steps, args.rate):
        print(f"step {step}: {differences(better, config, held, tokens)}", flush=True)
        integers = encoders.of(config).release(better)
        pretrained.save(args.out, {**found.params, "encoder": integers}, config)


def batches(config: CodecConfig, data: str, seed: int) -> Iterator[Array]:
    """Crops with their halo, float32 (ROWS, samples), augmented as in the training of the model."""
    samples = FRAMES * config.hop_length + sum(config.encoder_halo)
    settings = recipe()
    loader = pipeline.Loader(
        sources.open_clips([data], config.sample_rate),
        samples,
        ROWS,
        seed,
        augment=settings.augment,
        weights=dict(settings.weights),
        workers=0,
    )
    return (jnp.asarray(crops.audio) for crops in loader)


def carried_over(teacher: Any, config: CodecConfig, wave: Array) -> Any:
    """Parameters of `from_float` that compute about what the float encoder does.

    If P removes the mean, LayerNorm(x) @ W = x / rms(P x) @ P W. So with P W as the weight, and a
    mean of x that is almost zero, the integer encoder's norm, which has no mean, suffices.
    """
    scale, shift = fitted(config, wave)
    front, stack = teacher["from_features"], teacher["stack"]
    norm_in, norm_out = stack["norm_in"], stack["norm_out"]
    # The residual between blocks is (x - shift of norm_in) / scale of norm_in.
    unit, zero = norm_in["scale"], norm_in["bias"]
    kernel = front["kernel"] * scale[:, None]
    bias = front["bias"] + shift @ front["kernel"]
    made = {
        "front": {
            "kernel": kernel - kernel.mean(axis=1, keepdims=True),
            "bias": bias - bias.mean(),
        },
        "blocks": [],
        "head": after_norm(norm_out, teacher["to_latent"]),
    }
    fresh = from_float.init(jax.random.key(0), config)["blocks"][0]
    for i in range(config.encoder_depth):
        block = stack[f"block_{i}"]
        taps = block["depthwise"]["kernel"]
        out = block["mlp_out"]
        by = block["scale"] / unit
        made["blocks"].append(
            {
                "taps": taps * unit,
                "bias": block["depthwise"]["bias"] + zero * taps.sum(axis=0),
                "mlp_in": after_norm(block["norm"], block["mlp_in"]),
                "coarser": fresh["coarser"],
                "mlp_out": {"kernel": out["kernel"] * by, "bias": out["bias"] * by},
                "scale": jnp.ones_like(unit),
            }
        )
    return made


def after_norm(norm: Any, layer: Any) -> Any:
    """A layer with the mean, scale and shift of the norm before it folded in."""
    kernel = layer["kernel"] * norm["scale"][:, None]
    return {
        "kernel": kernel - kernel.mean(axis=0),
        "bias": layer["bias"] + norm["bias"] @ layer["kernel"],
    }


def fitted(config: CodecConfig, wave: Array) -> tuple[Array, Array]:
    """Scale and shift, (features,) each, that map integer features to float features."""
    margin = sum(config.encoder_halo) // 2 - config.margin
    wave = wave[:, margin : wave.shape[1] - margin]
    whole = dataclasses.replace(config, encoder="integer")
    ours = jax.jit(encoder.features, static_argnums=0)(whole, encoder.to_int16(wave))
    ours = ours / 2.0**from_float.FEATURE
    theirs = jax.jit(floating.features, static_argnums=1)(wave, config)
    axes = (0, 1)
    mean, wanted = ours.mean(axes), theirs.mean(axes)
    both = ((ours - mean) * (theirs - wanted)).mean(axes)
    scale = both / jnp.maximum(((ours - mean) ** 2).mean(axes), 1e-6)
    return scale, wanted - scale * mean


def learnt(
    student: Any, teacher: Any, config: CodecConfig, crops: Iterator[Array], steps: int, rate: float
) -> Iterator[tuple[int, Any]]:
    """Trains; yields the averaged parameters every 250 steps and at the end."""
    schedule = optax.warmup_cosine_decay_schedule(0.0, rate, 50, steps, rate / 100)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=0.0))
    usual = dataclasses.replace(config, encoder="float")

    def loss(student: Any, target: Array, wave: Array) -> Array:
        latents = from_float.apply(student, wave, config, jnp.float32)
        unit = SOFT * jnp.mean(jnp.abs(target))
        return jnp.mean(
            optax.sigmoid_binary_cross_entropy(latents / unit, jax.nn.sigmoid(target / unit))
        )

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(student: Any, mean: Any, state: Any, wave: Array) -> Any:
        target = floating.FloatEncoder(usual).latent(teacher, wave, jnp.float32)
        value, gradient = jax.value_and_grad(loss)(student, target, wave)
        updates, state = optimizer.update(gradient, state, student)
        student = optax.apply_updates(student, updates)
        mean = optax.incremental_update(student, mean, 1 - KEPT)
        return student, mean, state, value

    student, mean = (jax.tree.map(jnp.copy, student) for _ in range(2))  # as both are donated
    state = optimizer.init(student)
    started = time.monotonic()
    for number, wave in zip(itertools.count(1), crops, strict=False):
        student, mean, state, value = step(student, mean, state, wave)
        if number % 50 == 0:
            seconds = (time.monotonic() - started) / number
            print(f"{number}: loss {float(value):.4f}, {seconds:.2f} s a step", flush=True)
        if number % 250 == 0 or number == steps:
            yield number, jax.tree.map(jnp.copy, mean)
        if number == steps:
            return


def differences(student: Any, config: CodecConfig, held: list[Array], tokens: list[Array]) -> str:
    """Shares of bits and tokens in which the integer model differs from the given tokens."""
    integers = encoders.of(config).release(student)
    bits = differ = 0.0
    for wave, wanted in zip(held, tokens, strict=True):
        wrong = jax.lax.population_count(TOKENS(integers, config, wave) ^ wanted)
        bits += float(jnp.mean(wrong)) / config.bits / len(held)
        differ += float(jnp.mean(wrong > 0)) / len(held)
    return f"{100 * bits:.2f} % of bits and {100 * differ:.1f} % of tokens differ"


if __name__ == "__main__":
    main()
