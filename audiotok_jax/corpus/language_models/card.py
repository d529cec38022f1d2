"""The card of an export: README.md, with front matter that `datasets` and the Hub read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from audiotok_jax.corpus.language_models.record import Record

_LICENCES = (
    *("apache-2.0", "mit", "unlicense", "cc0-1.0", "odc-by", "gpl-2.0", "gpl-3.0"),
    *(f"cc-{kind}-{n}.0" for kind in ("by", "by-sa", "by-nc", "by-nc-sa") for n in (2, 3, 4)),
)
"""Common licences of speech, by the ids of the Hub."""

_LANGUAGE = re.compile(r"[a-z]{2,3}(-\w+)*")
"""A language code; the Hub accepts no names."""


class Contents(NamedTuple):
    """What is in an export.

    Attributes:
        clips, errors: numbers of clips with and without tokens.
        tokens, samples: of all clips.
        licences: values of the columns `licence` and `license`.
        languages: values of the column `language`.
    """

    clips: int
    errors: int
    tokens: int
    samples: int
    licences: list[str]
    languages: list[str]


def text(
    record: Record, contents: Contents, shards: str, features: Mapping[str, Any], usage: str
) -> str:
    """The text of a card.

    Args:
        record, contents: of the export.
        shards: a glob pattern of their paths, relative to the card.
        features: see `hf.features`; empty if the shards are not typed.
        usage: code that reads the shards and decodes.
    """
    front: dict[str, Any] = {
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": shards}]}]
    }
    if features:
        front["dataset_info"] = {"features": [_typed(*one) for one in features.items()]}
    front |= _licence(contents.licences)
    if languages := list(filter(_LANGUAGE.fullmatch, contents.languages)):
        front["language"] = languages
    front["tags"] = ["audio", "speech", "audiotok"]
    front["audiotok"] = asdict(record)
    # JSON is YAML, too.
    matter = "\n".join(f"{k}: {json.dumps(v, ensure_ascii=False)}" for k, v in front.items())
    hours = contents.samples / record.sample_rate / 3600
    missing = f" {contents.errors} clips could not be read." if contents.errors else ""
    licences = ", ".join(contents.licences) or "not known"
    return f"""---
{matter}
---

# Speech as tokens

{contents.clips} clips, {hours:.2f} hours, {contents.tokens} tokens, made by the model
`{record.model}` of audiotok_jax, id `{record.model_id}`.{missing}
Licences of the recordings: {licences}.

| | |
|---|---|
| tokens a second | {record.frame_rate:g} |
| bits a token | {record.bits} |
| codebook | {record.codebook_size} |
| token t is written as | {_spelled(record)} |
| a clip begins with | {_shown(record.begin)} |
| a clip ends with | {_shown(record.end)} |

`export.json` has this for programs. In this folder, the rows, and from tokens back to speech at
{record.sample_rate} Hz:

```python
{usage}
```
"""


def _licence(said: list[str]) -> dict[str, Any]:
    """Front matter for licences; the Hub accepts only ids that it knows."""
    names = sorted({name.lower().replace(" ", "-") for name in said})
    if not names:
        return {}
    if all(name in _LICENCES for name in names):
        return {"license": names}
    return {"license": "other", "license_name": "-and-".join(names)}


def _typed(name: str, kind: Mapping[str, Any]) -> dict[str, str]:
    """A column in the form of the front matter."""
    if kind["_type"] == "List":
        return {"name": name, "list": kind["feature"]["dtype"]}
    return {"name": name, "dtype": kind["dtype"]}


def _spelled(record: Record) -> str:
    number = f"t + {record.offset}" if record.offset else "t"
    return _shown(f"<|s_N|>, N = {number}" if record.format == "jsonl" else number)


def _shown(special: int | str | None) -> str:
    return "nothing" if special is None else f"`{special}`".replace("|", "\\|")
