"""Trains a language model on a corpus of tokens, and continues held-out speech with it.

    python experiments/speech_lm/train.py --tokens runs/tokens/train --held-out runs/tokens/eval

writes `metrics.jsonl` and `results.json` beside this file, and prompt, continuation and original as
WAV files into `--audio`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import grain
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from model import BOS, LanguageModel

from audiotok_jax import AudioTokenizer, audio, corpus
from audiotok_jax.evaluate.stats import entropy
from audiotok_jax.provenance import provenance

HERE = Path(__file__).parent
LENGTH = 256  # ids that the model sees
BATCH = 16
RATE = 3e-3
VOCABULARY = corpus.Vocabulary(specials=1, bos=BOS)
EVERY = 50  # steps between lines of metrics
PROMPT = 2.0  # seconds


def main(argv: Sequence[str] | None = None) -> None:
    """Trains, measures, samples."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokens", required=True, help="corpus to train on")
    parser.add_argument("--held-out", required=True, help="corpus of other speakers")
    parser.add_argument("--model", help="that made the tokens; default: what the corpus says")
    parser.add_argument("--minutes", type=float, default=4.0, help="of training")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the figures")
    parser.add_argument("--audio", type=Path, help="folder of the sound; default: none")
    args = parser.parse_args(argv)
    seen, held_out = corpus.open(args.tokens), corpus.open(args.held_out)
    if seen.plan.settings.model_id != held_out.plan.settings.model_id:
        raise SystemExit(f"{args.tokens} and {args.held_out} are of different models")
    args.out.mkdir(parents=True, exist_ok=True)
    unigram = unigrams(seen, held_out)
    print(unigram)
    network = LanguageModel(LENGTH)
    params, steps = train(network, seen, args.minutes, args.out / "metrics.jsonl")
    results = {
        **unigram,
        "held_out_bits_per_token": measure(network, params, held_out),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
        "steps": steps,
        "tokens_seen": steps * BATCH * LENGTH,
        "model_id": seen.plan.settings.model_id,
    }
    results |= sample(network, params, held_out, args.model, args.audio)
    results["provenance"] = provenance(["jax", "flax", "optax", "grain"])
    (args.out / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


def unigrams(seen: corpus.Corpus, held_out: corpus.Corpus) -> dict[str, float]:
    """The costs of a model without context.

    Returns:
        `unigram_entropy`: plug-in estimate for the training corpus; too low, as many ids are rare.
        `held_out_unigram_bits_per_token`: cross entropy of the held-out clips, with add-one counts.
    """
    size = 2**seen.plan.settings.bits
    counts = np.zeros(size, np.int64)
    for entry in seen:
        np.add.at(counts, entry.tokens, 1)
    bits = np.log2(counts.sum() + size) - np.log2(counts + 1)
    tokens = np.concatenate([entry.tokens for entry in held_out])
    return {
        "unigram_entropy": entropy(counts),
        "held_out_unigram_bits_per_token": float(bits[tokens].mean()),
    }


def train(
    network: LanguageModel, seen: corpus.Corpus, minutes: float, log: Path
) -> tuple[dict[str, Array], int]:
    """Trains for some minutes; the learning rate decays with the wall-clock time.

    Returns:
        The parameters, and the number of steps.
    """
    rows = corpus.Packed(seen, LENGTH + 1, VOCABULARY)
    batches = iter(grain.MapDataset.source(rows).shuffle(seed=0).repeat().batch(BATCH))
    params = jax.jit(network.init)(jax.random.key(0), next(batches))
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.inject_hyperparams(optax.adamw)(learning_rate=0.0, b2=0.98),
    )
    state = optimizer.init(params)

    @jax.jit
    def step(params, state, ids, rate):  # type: ignore[no-untyped-def]
        state[1].hyperparams["learning_rate"] = rate
        loss, slope = jax.value_and_grad(lambda p: mean_cost(network, p, ids))(params)
        change, state = optimizer.update(slope, state, params)
        return optax.apply_updates(params, change), state, loss

    done, losses, start = 0, [], time.monotonic()
    with open(log, "w") as file:
        while (share := (time.monotonic() - start) / (60 * minutes)) < 1:
            rate = RATE * min(1, (done + 1) / 50) * 0.5 * (1 + np.cos(np.pi * share))
            params, state, loss = step(params, state, next(batches), jnp.float32(rate))
            losses.append(float(loss))
            done += 1
            if done % EVERY == 0:
                line = {"step": done, "bits_per_token": float(np.mean(losses[-EVERY:]))}
                print(line, flush=True)
                file.write(json.dumps(line) + "\n")
    return params, done


def mean_cost(network: LanguageModel, params: dict[str, Array], ids: Array) -> Array:
    """Bits per token of rows of ids."""
    return jnp.sum(network.apply(params, ids)) / jnp.sum(ids[:, 1:] != BOS)


def measure(network: LanguageModel, params: dict[str, Array], held_out: corpus.Corpus) -> float:
    """Bits per token of all rows of a corpus."""
    rows = corpus.Packed(held_out, LENGTH + 1, VOCABULARY)
    cost = jax.jit(lambda ids: network.apply(params, ids).sum())
    found = [
        (float(cost(row[None])), int((row[1:] != BOS).sum()))
        for row in map(rows.__getitem__, range(len(rows)))
    ]
    bits, tokens = map(sum, zip(*found, strict=True))
    return bits / tokens


def sample(
    network: LanguageModel,
    params: dict[str, Array],
    held_out: corpus.Corpus,
    model: str | None,
    folder: Path | None,
) -> dict[str, object]:
    """Continues the beginning of a held-out clip up to the length of the model, and decodes it.

    Returns:
        `prompt`, the id of the clip; and seconds and levels, in dB of full scale, of the speech.
    """
    tokenizer = AudioTokenizer.from_pretrained(model or held_out.plan.settings.model)
    given = round(PROMPT * tokenizer.frame_rate)
    entry = next(one for one in held_out if len(one.tokens) >= LENGTH)
    ids = np.zeros(LENGTH, np.int32)
    ids[: given + 1] = VOCABULARY.ids(entry.tokens[:given])
    draw = jax.jit(lambda ids, count, key: network.apply(params, ids, count, key, method="draw"))
    for count in range(given + 1, LENGTH):
        ids[count] = draw(ids, count, jax.random.key(count))
    wave = tokenizer.decode(VOCABULARY.tokens(ids))
    cut = given * tokenizer.hop_length
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        sounds = {
            "prompt": wave[:cut],
            "continued": wave,
            "original": tokenizer.decode(entry.tokens[: LENGTH - 1]),
        }
        for name, sound in sounds.items():
            audio.write(folder / f"{name}.wav", sound, tokenizer.sample_rate)
    return {
        "prompt": entry.id,
        "prompt_seconds": cut / tokenizer.sample_rate,
        "prompt_level_db": level(wave[:cut]),
        "continuation_seconds": (len(wave) - cut) / tokenizer.sample_rate,
        "continuation_level_db": level(wave[cut:]),
    }


def level(wave: np.ndarray) -> float:
    """RMS in dB of full scale."""
    return float(10 * np.log10(np.mean(np.square(wave, dtype=np.float64)) + 1e-12))


if __name__ == "__main__":
    main()
