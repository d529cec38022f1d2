"""Trains a tiny language model in PyTorch on text and speech in one vocabulary, from JSON Lines.

    audiotok corpus export tokens/ --format jsonl --out jsonl/
    python examples/language_models/jsonl_torch.py jsonl/

As in Llasa, ids of tokens follow those of text, here 256 bytes and a mark, and one table embeds
all. A row is the text of a clip, where a column says it, a mark, and the tokens.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

MARK, FIRST = 256, 257  # ids: between text and speech, and of token 0
LENGTH, BATCH, WIDTH = 64, 4, 64  # ids that the model sees, rows in a batch, its width


class LanguageModel(nn.Module):
    """Logits of each next id: (B, T) to (B, T, size); one table takes ids in and out."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.table = nn.Parameter(0.05 * torch.randn(size, WIDTH))
        self.place = nn.Parameter(0.05 * torch.randn(LENGTH, WIDTH))
        layer = nn.TransformerEncoderLayer(
            WIDTH, nhead=4, dim_feedforward=4 * WIDTH, dropout=0, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Sees only what came before."""
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        x = functional.embedding(ids, self.table) + self.place[: ids.shape[1]]
        out: Tensor = self.blocks(x, mask=mask, is_causal=True) @ self.table.T
        return out


def ids_of(row: dict[str, Any], offset: int) -> list[int]:
    """The text, a mark, the tokens."""
    text = row.get("text") or row.get("transcript") or row.get("sentence") or ""
    numbers = re.findall(r"<\|s_(\d+)\|>", row["tokens"])
    return [*text.encode(), MARK, *(FIRST + int(number) - offset for number in numbers)]


def main(argv: Sequence[str] | None = None) -> None:
    """Trains and prints the loss."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="what `audiotok corpus export` wrote")
    parser.add_argument("--steps", type=int, default=100)
    args = parser.parse_args(argv)
    known = json.loads((args.folder / "export.json").read_text())
    paths = sorted((args.folder / "data").glob("*.jsonl"))
    rows = [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]
    ids = torch.tensor([one for row in rows for one in ids_of(row, known["offset"])])
    if len(ids) <= LENGTH:
        raise SystemExit(f"{args.folder}: {len(ids)} ids are too few; {LENGTH + 1} make a row")

    torch.manual_seed(0)
    model = LanguageModel(FIRST + known["codebook_size"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(1, args.steps + 1):
        starts = torch.randint(len(ids) - LENGTH, (BATCH, 1))
        batch = ids[starts + torch.arange(LENGTH + 1)]
        loss = functional.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0 or step in (1, args.steps):
            print(f"step {step}: {loss.item() / math.log(2):.2f} bits per id", flush=True)


if __name__ == "__main__":
    main()
