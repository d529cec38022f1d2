"""Trains a tiny language model on tokens in PyTorch: `datasets` reads, signs go in, bits come out.

    audiotok corpus export tokens/ --format hf --out hf/
    python examples/language_models/hf_torch.py hf/

A token is a corner of a cube: a linear layer on its signs embeds it, and the next one is predicted
bit by bit, each on its own, so that there is neither a table nor a softmax of 65,536.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from datasets import load_dataset
from torch import Tensor, nn
from torch.nn import functional

LENGTH, BATCH, WIDTH = 128, 8, 128  # tokens that the model sees, rows in a batch, its width


class LanguageModel(nn.Module):
    """Logits of the bits of each next token: signs (B, T, bits) to (B, T, bits)."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.enter = nn.Linear(bits, WIDTH)
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, WIDTH))
        layer = nn.TransformerEncoderLayer(
            WIDTH, nhead=4, dim_feedforward=4 * WIDTH, dropout=0, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
        self.leave = nn.Linear(WIDTH, bits)

    def forward(self, signs: Tensor) -> Tensor:
        """Sees only what came before."""
        mask = nn.Transformer.generate_square_subsequent_mask(signs.shape[1])
        x = self.enter(signs) + self.place[: signs.shape[1]]
        out: Tensor = self.leave(self.blocks(x, mask=mask, is_causal=True))
        return out


def main(argv: Sequence[str] | None = None) -> None:
    """Trains and prints the loss."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="what `audiotok corpus export` wrote")
    parser.add_argument("--steps", type=int, default=200)
    args = parser.parse_args(argv)
    known = json.loads((args.folder / "export.json").read_text())
    rows = load_dataset(str(args.folder), split="train").with_format("torch")
    # One clip after the other; without ids that begin and end them, which lie below the offset.
    ids = torch.cat([row["tokens"] for row in rows])
    tokens = ids[ids >= known["offset"]] - known["offset"]
    if len(tokens) <= LENGTH:
        raise SystemExit(
            f"{args.folder}: {len(tokens)} tokens are too few; {LENGTH + 1} make a row"
        )

    torch.manual_seed(0)
    model = LanguageModel(known["bits"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(1, args.steps + 1):
        starts = torch.randint(len(tokens) - LENGTH, (BATCH, 1))
        batch = tokens[starts + torch.arange(LENGTH + 1)]
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
