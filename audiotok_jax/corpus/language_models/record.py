"""`export.json`: the corpus of an export, its model, and how tokens are written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from audiotok_jax import files, jsonfile
from audiotok_jax.corpus import records
from audiotok_jax.corpus.language_models.layout import Spelling
from audiotok_jax.corpus.plan import Settings

FILE = "export.json"


@dataclass(frozen=True)
class Record:
    """The corpus of an export, its model, and how tokens are written.

    Attributes:
        corpus: digest of the settings of the corpus.
        model: name of the model or of its folder.
        model_id, sample_rate, hop_length, bits: of the model, see `TokenFile`.
        frame_rate: tokens per second.
        codebook_size: 2 ** bits.
        format: one of `formats.ROWS`.
        offset, begin, end: see `Spelling`.
    """

    corpus: str
    model: str
    model_id: str
    sample_rate: int
    hop_length: int
    frame_rate: float
    bits: int
    codebook_size: int
    format: str
    offset: int
    begin: int | str | None
    end: int | str | None

    @classmethod
    def of(cls, settings: Settings, form: str, spelling: Spelling) -> Self:
        """The record of an export of a corpus."""
        return cls(
            corpus=hashlib.sha256(records.text(settings).encode()).hexdigest()[:16],
            model=Path(settings.model).name,
            model_id=settings.model_id,
            sample_rate=settings.sample_rate,
            hop_length=settings.hop_length,
            frame_rate=settings.sample_rate / settings.hop_length,
            bits=settings.bits,
            codebook_size=2**settings.bits,
            format=form,
            **asdict(spelling),
        )

    def write(self, folder: Path) -> None:
        """Writes it to a folder; OSError if that fails."""
        files.write(folder / FILE, json.dumps(asdict(self), indent=1) + "\n")


def read(folder: Path) -> dict[str, Any] | None:
    """The fields of the record in a folder; None if there is none.

    Raises:
        ValueError: it is damaged.
    """
    try:
        return jsonfile.load(folder / FILE)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{folder / FILE}: {error}") from None
