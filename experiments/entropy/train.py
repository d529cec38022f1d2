"""Trains the prior of a model, for the entropy coding of its tokens, on a corpus of them.

    python experiments/entropy/train.py --tokens runs/tokens/train

writes `entropy.safetensors` into the folder of the model. The networks are trained as floats and
then rounded: the weights of a hidden unit to -127..127, by a scale that its head undoes, as ReLUs
allow.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from numpy.typing import NDArray

import audiotok_jax.corpus
from audiotok_jax import pretrained
from audiotok_jax.entropy import prior
from audiotok_jax.entropy.prior import FILE, SHIFT, STEPS, Prior

REACH = 3  # known tokens on each side
HIDDEN = 24
BATCH = 2048
RATE = 4e-3
PLACES = 4096  # entries of the table
FINENESS = 256  # entries per nat of log odds


def main(argv: Sequence[str] | None = None) -> None:
    """Trains a prior and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokens", required=True, nargs="+", help="corpora of tokens")
    parser.add_argument("--model", help="the model that made them; default: the released one")
    parser.add_argument("--steps", type=int, default=1500, help="of the optimizer, per network")
    args = parser.parse_args(argv)
    model = pretrained.load(args.model)
    corpora = [audiotok_jax.corpus.open(path) for path in args.tokens]
    for corpus in corpora:
        if corpus.plan.settings.model_id != model.model_id:
            raise SystemExit(
                f"{corpus.plan.out}: made by model {corpus.plan.settings.model_id}, but this is "
                f"{model.model_id}"
            )
    block = int(10 * model.config.frame_rate)
    signs, places = lay_out([e.tokens for c in corpora for e in c], block, model.config.bits)
    found = [fit(signs, places, step, args.steps) for step in range(STEPS)]
    arrays = {name: np.stack([one[name] for one in found]) for name in found[0]}
    trained = Prior(model.model_id, block, **arrays, table=table())
    path = pretrained.locate(args.model) / FILE
    trained.save(path)
    print(f"{path}: {path.stat().st_size} bytes, prior {trained.id}")


def lay_out(
    streams: Sequence[NDArray[np.uint16]], block: int, bits: int
) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """All blocks one after the other, separated by zeros beyond the reach of their neighbours.

    Returns:
        Signs of the bits, int8 (N, bits), and the places of tokens among them, (T,).
    """
    gap = np.zeros((2 * REACH * 2**STEPS, bits), np.int8)
    pieces, places, end = [gap], [], len(gap)
    for stream in streams:
        for start in range(0, len(stream), block):
            piece = stream[start : start + block]
            ones = (piece[:, None] >> np.arange(bits)) & 1
            pieces += [(2 * ones.astype(np.int8) - 1), gap]
            places.append(np.arange(end, end + len(piece), dtype=np.int32))
            end += len(piece) + len(gap)
    return np.concatenate(pieces), np.concatenate(places)


def fit(
    signs: NDArray[np.int8], places: NDArray[np.int32], step: int, steps: int
) -> dict[str, NDArray[np.integer]]:
    """The networks of one halving step, as arrays of `Prior`."""
    bits = signs.shape[1]
    around = prior.neighbours(step, REACH) if step else np.zeros(2 * REACH, np.intp)
    inputs = (2 * REACH + 1) * bits
    known = np.zeros((inputs, bits, 1), np.float32)
    known[: 2 * REACH * bits] = step > 0
    for bit in range(bits):
        known[2 * REACH * bits : 2 * REACH * bits + bit, bit] = 1
    keys = jax.random.split(jax.random.key(step))
    params = {
        "weights": jax.random.normal(keys[0], (inputs, bits, HIDDEN)) * known / np.sqrt(inputs),
        "bias": jnp.zeros((bits, HIDDEN)),
        "heads": 0.1 * jax.random.normal(keys[1], (bits, HIDDEN)),
        "offsets": jnp.zeros(bits),
    }
    optimizer = optax.adam(optax.cosine_decay_schedule(RATE, steps))
    state = optimizer.init(params)
    data = jnp.asarray(signs)

    def loss(params: dict[str, Array], at: Array) -> Array:
        """Bits per token."""
        context = data[at[:, None] + np.append(around, 0)].astype(jnp.float32)
        flat = context.reshape(len(at), inputs)
        units = flat @ (params["weights"] * known).reshape(inputs, -1)
        hidden = jax.nn.relu(units.reshape(-1, bits, HIDDEN) + params["bias"])
        odds = jnp.einsum("nkh,kh->nk", hidden, params["heads"]) + params["offsets"]
        wrong = jax.nn.softplus(-odds * context[:, -1])
        return jnp.mean(jnp.sum(wrong, axis=1)) / np.log(2)

    @jax.jit
    def update(params: dict[str, Array], state: optax.OptState, at: Array):  # type: ignore[no-untyped-def]
        value, slope = jax.value_and_grad(loss)(params, at)
        change, state = optimizer.update(slope, state)
        return optax.apply_updates(params, change), state, value

    rng = np.random.default_rng(step)
    recent: list[Array] = []
    for _ in range(steps):
        params, state, value = update(params, state, rng.choice(places, BATCH))
        recent = [*recent[-99:], value]
    print(f"step {step}: {np.mean([float(value) for value in recent]):.3f} bits per token")
    return rounded({name: np.asarray(value) for name, value in params.items()}, known)


def rounded(
    params: dict[str, NDArray[np.float32]], known: NDArray[np.float32]
) -> dict[str, NDArray[np.integer]]:
    """Integers that give the same log odds, in units of 1 / FINENESS nats, up to rounding."""
    weights = params["weights"] * known
    scale = 127 / np.maximum(np.abs(weights).max(axis=0), 1e-9)
    unit = FINENESS * 2**SHIFT
    return {
        "weights": np.round(weights * scale).astype(np.int8),
        "bias": np.round(params["bias"] * scale).astype(np.int32),
        "heads": np.round(params["heads"] / scale * unit).astype(np.int32),
        # Plus half an entry, as a shift to the right rounds down.
        "offsets": np.round((params["offsets"] + 0.5 / FINENESS) * unit).astype(np.int64),
    }


def table() -> NDArray[np.uint16]:
    """The logistic function as a table."""
    odds = (np.arange(PLACES) - PLACES // 2) / FINENESS
    return np.round(2**16 / (1 + np.exp(-odds))).clip(1, 2**16 - 1).astype(np.uint16)


if __name__ == "__main__":
    main()
