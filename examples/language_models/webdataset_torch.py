"""Trains a tiny language model on tokens in PyTorch, which are streamed from tars by `webdataset`.

    audiotok corpus export tokens/ --format webdataset --out tars/
    python examples/language_models/webdataset_torch.py tars/

No shard is held in memory: clips are drawn from a buffer, and cut into rows as they come.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import webdataset
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

LENGTH, BATCH, WIDTH = 128, 8, 128  # tokens that the model sees, rows in a batch, its width


class LanguageModel(nn.Module):
    """Logits of the bits of each next token: signs (B, T, bits) to (B, T, bits)."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.gru = nn.GRU(bits, WIDTH, num_layers=2, batch_first=True)
        self.leave = nn.Linear(WIDTH, bits)

    def forward(self, signs: Tensor) -> Tensor:
        """Sees only what came before."""
        out: Tensor = self.leave(self.gru(signs)[0])
        return out


def rows(clips: Iterable[dict[str, Any]], offset: int) -> Iterator[Tensor]:
    """Concatenates the tokens of clips and cuts them: int64 (LENGTH + 1,) each."""
    rest = torch.zeros(0, dtype=torch.int64)
    for clip in clips:
        ids = torch.from_numpy(clip["tokens.npy"].astype("int64"))
        # Without ids that begin and end clips, which lie below the offset.
        rest = torch.cat([rest, ids[ids >= offset] - offset])
        while len(rest) > LENGTH:
            yield rest[: LENGTH + 1]
            rest = rest[LENGTH + 1 :]


def main(argv: Sequence[str] | None = None) -> None:
    """Trains and prints the loss."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="what `audiotok corpus export` wrote")
    parser.add_argument("--steps", type=int, default=200)
    args = parser.parse_args(argv)
    known = json.loads((args.folder / "export.json").read_text())
    torch.manual_seed(0)
    shards = sorted(map(str, (args.folder / "data").glob("*.tar")))
    clips = webdataset.WebDataset(shards, shardshuffle=len(shards), seed=0).repeat()
    stream = (
        clips.shuffle(1000, seed=0).decode().compose(lambda found: rows(found, known["offset"]))
    )

    model = LanguageModel(known["bits"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    batches = DataLoader(stream, batch_size=BATCH)  # `num_workers`: at most one for each shard
    for step, batch in enumerate(islice(batches, args.steps), 1):
        ones = (batch[..., None] >> torch.arange(known["bits"]) & 1).float()
        logits = model(2 * ones[:, :-1] - 1)
        loss = functional.binary_cross_entropy_with_logits(logits, ones[:, 1:]) * known["bits"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0 or step in (1, args.steps):
            print(f"step {step}: {loss.item() / math.log(2):.2f} bits per token", flush=True)


if __name__ == "__main__":
    main()
