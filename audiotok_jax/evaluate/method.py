"""What a measured number depends on beyond the clip and the codec."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from audiotok_jax import provenance
from audiotok_jax.evaluate.metrics import Metric

_LIBRARIES = ("jax", "numpy", "scipy", "librosa", "soxr")
_PACKAGE = Path(__file__).parent.parent
_SOURCES = (  # what rows depend on beyond libraries and the models and programs of codecs
    *("audio.py", "tokenizer.py", "windows.py", "codec/*.py"),
    *("evaluate/align.py", "evaluate/work.py", "evaluate/codecs/*.py", "evaluate/metrics/*.py"),
)


def libraries(metrics: Iterable[Metric]) -> list[str]:
    """Names of the distributions that rows depend on."""
    modules = {library.partition(".")[0] for metric in metrics for library in metric.libraries}
    return sorted({*_LIBRARIES, *modules})


def method(metrics: Sequence[Metric]) -> str:
    """Hash of the metrics, the code and the versions of the libraries that make a row."""
    versions = {name: provenance.version(name) for name in libraries(metrics)}
    digest = hashlib.sha256(json.dumps([[m.name for m in metrics], versions]).encode())
    for pattern in _SOURCES:
        for path in sorted(_PACKAGE.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
