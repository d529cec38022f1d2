"""StableHLO of a model, for CPUs, NVIDIA GPUs and TPUs, by `jax.export`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
from jax import Array

from audiotok_jax.codec import model
from audiotok_jax.export import about
from audiotok_jax.pretrained import Model
from audiotok_jax.settings import pinned

PLATFORMS = ("cpu", "cuda", "tpu")

README = """\
# Model {id}

Speech to tokens and back as StableHLO for cpu, cuda and tpu, weights included; for any number of
clips of any length. It needs nothing but JAX, {jax} or newer, and flatbuffers:

```python
import jax.export
from pathlib import Path

encode, decode = (
    jax.export.deserialize(bytearray(Path(f"{{name}}.stablehlo").read_bytes())).call
    for name in ("encode", "decode")
)
```

- `encode`: int16 samples (clips, frames * {hop}) at {rate} Hz -> int32 tokens (clips, frames),
  each below {size}. Fill up the last frame with zeros.
- `decode`: int32 tokens (clips, frames) -> float32 samples (clips, frames * {hop}) at {rate} Hz.
"""


def write(folder: Path, released: Model) -> None:
    """Writes the two programs, `model.json` and a README."""
    (folder / "encode.stablehlo").write_bytes(encoder(released))
    (folder / "decode.stablehlo").write_bytes(decoder(released))
    about.write(folder, released)
    config = released.config
    text = README.format(
        id=released.model_id,
        jax=jax.__version__,
        hop=config.hop_length,
        rate=config.sample_rate,
        size=config.codebook_size,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


@pinned()
def encoder(released: Model) -> bytes:
    """Tokens, int32 (clips, frames), of samples, int16 (clips, frames * hop_length)."""
    params = {"encoder": jax.tree.map(jnp.asarray, released.params["encoder"])}
    clips, frames = jax.export.symbolic_shape("clips, frames")
    samples = jax.ShapeDtypeStruct((clips, frames * released.config.hop_length), jnp.int16)
    return _serialized(lambda wave: model.encode(params, released.config, wave), samples)


@pinned()
def decoder(released: Model) -> bytes:
    """Samples, float32 (clips, frames * hop_length), of tokens, int32 (clips, frames)."""
    params = {"decoder": jax.tree.map(jnp.asarray, released.params["decoder"])}
    tokens = jax.ShapeDtypeStruct(jax.export.symbolic_shape("clips, frames"), jnp.int32)
    return _serialized(lambda tokens: model.decode(params, released.config, tokens), tokens)


def _serialized(function: Callable[[Array], Array], argument: Any) -> bytes:
    def of_clips(clips: Array) -> Array:
        # Layers count their rows by `len`, which a symbolic length does not have.
        return jax.vmap(lambda clip: function(clip[None])[0])(clips)

    exported = jax.export.export(jax.jit(of_clips), platforms=PLATFORMS)(argument)
    return bytes(exported.serialize())
