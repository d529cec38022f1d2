"""Models of the Hugging Face hub, and copies of models."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from audiotok_jax import pretrained
from audiotok_jax.files import replacing

_ID = re.compile(r"([A-Za-z0-9][\w.-]*)/[A-Za-z0-9][\w.-]*", re.ASCII)
_FILES = ("*.json", "*.jsonl", "*.md", "*.safetensors")


def locate(path_or_name: str | os.PathLike[str] | None) -> str | os.PathLike[str] | None:
    """The folder of a model of the hub, downloaded unless it is in the cache of `huggingface_hub`.

    Args:
        path_or_name: OWNER/NAME as text, if there is no folder OWNER here; other names, paths and
            None are returned as they are.

    Raises:
        FileNotFoundError: `huggingface_hub` is not installed, or the model cannot be downloaded.
    """
    match = _ID.fullmatch(path_or_name) if isinstance(path_or_name, str) else None
    if match is None or os.path.exists(match[1]):
        return path_or_name
    wanted = f"no model {match[0]!r}: there is no such folder, and"
    try:
        import huggingface_hub
    except ImportError:
        raise FileNotFoundError(
            f"{wanted} the Hugging Face hub needs huggingface_hub: pip install huggingface_hub"
        ) from None
    try:
        return huggingface_hub.snapshot_download(match[0], allow_patterns=list(_FILES))
    except OSError as error:
        reason = " ".join(str(error).split())
        raise FileNotFoundError(f"{wanted} not on the Hugging Face hub: {reason}") from None


def copy(model: str | os.PathLike[str], folder: str | os.PathLike[str]) -> None:
    """Copies all files of a model, found by `pretrained.locate`, to a folder; the config last.

    The folder is made if needed; files of the same names are replaced.

    Raises:
        FileNotFoundError: there is no such model.
        OSError: it cannot be written.
    """
    source, target = pretrained.locate(model), Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    paths = filter(Path.is_file, source.iterdir())
    for path in sorted(paths, key=lambda path: path.name == pretrained.CONFIG):
        with replacing(target / path.name) as new:
            shutil.copyfile(path, new)
