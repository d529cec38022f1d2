"""Trains a tiny language model on tokens in JAX, from the Parquet of an export for Hugging Face.

    audiotok corpus export tokens/ --format hf --out hf/
    python examples/language_models/hf_jax.py hf/

`tokens.signs` embeds, and the next token is predicted bit by bit, each on its own. Rows that Grain
draws from a corpus itself, and bits that know of each other, are in `experiments/speech_lm`.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pyarrow.parquet
from jax import Array

from audiotok_jax.tokens import signs

LENGTH, BATCH, WIDTH = 128, 8, 128  # tokens that the model sees, rows in a batch, its width


class LanguageModel(nn.Module):
    """Logits of the bits of each next token: tokens (B, T) to (B, T, bits)."""

    bits: int

    @nn.compact
    def __call__(self, tokens: Array) -> Array:
        """Sees only what came before."""
        place = self.param("place", nn.initializers.normal(0.02), (LENGTH, WIDTH))
        x = nn.Dense(WIDTH)(signs(tokens, self.bits)) + place
        for _ in range(2):
            mask = nn.make_causal_mask(tokens)
            x += nn.MultiHeadDotProductAttention(4)(nn.LayerNorm()(x), mask=mask)
            x += nn.Dense(WIDTH)(nn.gelu(nn.Dense(4 * WIDTH)(nn.LayerNorm()(x))))
        return nn.Dense(self.bits)(nn.LayerNorm()(x))


def main(argv: Sequence[str] | None = None) -> None:
    """Trains and prints the loss."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="what `audiotok corpus export` wrote")
    parser.add_argument("--steps", type=int, default=200)
    args = parser.parse_args(argv)
    known = json.loads((args.folder / "export.json").read_text())
    column = pyarrow.parquet.read_table(args.folder / "data", columns=["tokens"])["tokens"]
    # One clip after the other; without ids that begin and end them, which lie below the offset.
    ids = column.combine_chunks().flatten().to_numpy().astype(np.int32)
    tokens = ids[ids >= known["offset"]] - known["offset"]
    if len(tokens) <= LENGTH:
        raise SystemExit(
            f"{args.folder}: {len(tokens)} tokens are too few; {LENGTH + 1} make a row"
        )

    model, optimizer = LanguageModel(known["bits"]), optax.adamw(1e-3)
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, LENGTH), jnp.int32))
    state = optimizer.init(params)

    def loss_of(params: Any, batch: Array) -> Array:
        wrong = nn.softplus(
            -signs(batch[:, 1:], known["bits"]) * model.apply(params, batch[:, :-1])
        )
        return wrong.sum(-1).mean()

    @jax.jit
    def update(params: Any, state: Any, batch: Array) -> tuple[Any, Any, Array]:
        loss, slope = jax.value_and_grad(loss_of)(params, batch)
        change, state = optimizer.update(slope, state, params)
        return optax.apply_updates(params, change), state, loss

    rng = np.random.default_rng(0)
    for step in range(1, args.steps + 1):
        starts = rng.integers(len(tokens) - LENGTH, size=(BATCH, 1))
        params, state, loss = update(params, state, tokens[starts + np.arange(LENGTH + 1)])
        if step % 20 == 0 or step in (1, args.steps):
            print(f"step {step}: {loss.item() / math.log(2):.2f} bits per token", flush=True)


if __name__ == "__main__":
    main()
