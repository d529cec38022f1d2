"""Records in the folder of a run.

`config.json` holds the settings and the data shared by all sessions; `sessions.jsonl` one line per
session with its first step, commit, versions and devices; `skipped.jsonl` the audio that was left
out, with reasons, by process.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jax

from audiotok_jax import files, jsonfile
from audiotok_jax.data.clips import Skipped
from audiotok_jax.data.sources import Clips
from audiotok_jax.provenance import provenance
from audiotok_jax.train.config import TrainConfig

LIBRARIES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")


def check(out: Path, config: TrainConfig, clips: Clips) -> None:
    """Raises ValueError if the folder holds another run, or none to resume."""
    path = out / "config.json"
    if not path.exists():
        if config.resume:
            raise ValueError(f"{out} holds no run to resume")
        return
    if not config.resume:
        raise ValueError(f"{out} holds a run already: go on with --resume, or choose another")
    try:
        before = jsonfile.load(path)
    except ValueError as error:
        raise ValueError(f"{path}: not the settings of a run: {error}") from None
    before, now = _flat(before), _flat(_record(config, clips))
    changed = sorted({name for name, _ in before.items() ^ now.items()})
    # Losses vary with the recipe; all other names are fixed by the version.
    names = [name for name in changed if not name.startswith("recipe.losses.")]
    if unknown := [name for name in names if (name in before) != (name in now)]:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise ValueError(
            f"{out} was started by a version with other settings ({', '.join(unknown[:3])}{more}): "
            "resume it with that version (see sessions.jsonl), or start a new run with "
            f"--init {out}/model"
        )
    if changed:
        raise ValueError(f"{out} was started with other settings: {', '.join(changed)}")


def claim(out: Path, config: TrainConfig, clips: Clips) -> None:
    """Makes the folder and writes `config.json`."""
    out.mkdir(parents=True, exist_ok=True)
    files.write(out / "config.json", json.dumps(_record(config, clips), indent=1) + "\n")


def add_session(out: Path, config: TrainConfig, first_step: int) -> None:
    """Appends a line to `sessions.jsonl`."""
    line = provenance(LIBRARIES) | {
        "first_step": first_step,
        "devices": [str(device) for device in jax.devices()],
        "processes": jax.process_count(),
        "mesh": dataclasses.asdict(config.mesh),
        "session": dataclasses.asdict(config.session),
    }
    with open(out / "sessions.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def list_skipped(out: Path, skipped: Iterable[Skipped]) -> None:
    """Adds new entries to `skipped.jsonl`, a line for each clip.

    Process n > 0 has a file of its own, `skipped.n.jsonl`.
    """
    number = jax.process_index()
    path = out / (f"skipped.{number}.jsonl" if number else "skipped.jsonl")
    lines = path.read_text().splitlines() if path.exists() else []
    lines += [json.dumps(one._asdict()) for one in skipped]
    files.write(path, "".join(f"{line}\n" for line in dict.fromkeys(lines)))


def card(config: TrainConfig, clips: Clips, steps: int) -> dict[str, Any]:
    """Training settings for a model card, without paths of this machine."""

    def names(locations: Sequence[str]) -> list[str]:
        return [Path(location).name for location in locations]

    settings = {name: value for name, value in config.kept().items() if name != "codec"}
    settings["data"] = names(config.data)
    settings["init"] = config.init and Path(config.init).name
    for loss in settings["recipe"]["losses"].values():
        if "model" in loss:
            loss["model"] = Path(loss["model"]).name
    for sounds in ("noise_data", "reverb_data"):
        settings["augment"][sounds] = names(settings["augment"][sounds])
    return {"steps": steps, "hours": round(clips.seconds / 3600, 2), "settings": settings}


def _record(config: TrainConfig, clips: Clips) -> dict[str, Any]:
    """Settings after a round trip through JSON, with lists instead of tuples."""
    settings = config.kept() | {"fingerprint": clips.fingerprint}
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain


def _flat(settings: Any, name: str = "") -> dict[str, str]:
    """Values, as JSON, by dotted names."""
    if not isinstance(settings, dict):
        return {name: json.dumps(settings)}
    parts = [_flat(part, f"{name}.{key}".lstrip(".")) for key, part in settings.items()]
    return {key: value for part in parts for key, value in part.items()}
