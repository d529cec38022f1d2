"""A model as a folder of ONNX graphs, which `audiotok-lite` and onnxruntime run."""

from __future__ import annotations

from pathlib import Path

from audiotok_jax.export import about, onnx_decoder, onnx_encoder
from audiotok_jax.export.graph import OPSET
from audiotok_jax.pretrained import Model

README = """\
# Model {id}

Speech to tokens and back as ONNX, opset {opset}. `audiotok-lite` takes this folder; with
onnxruntime alone, a clip of whole frames is one window:

```python
import numpy as np, onnxruntime

encoder, decoder = (onnxruntime.InferenceSession(f"{{n}}.onnx") for n in ("encoder", "decoder"))
tokens = encoder.run(None, {{"samples": np.pad(samples, {enc})[None]}})[0]
start = np.zeros(1, np.int64)
window = np.pad(tokens, ((0, 0), {dec}), constant_values=-1)
wave = decoder.run(None, {{"tokens": window, "phase": start, "frame": start}})[0]
```

- `encoder.onnx`: `samples`, int16 (windows, {enc[0]} + frames * {hop} + {enc[1]}) at {rate} Hz ->
  `tokens`, int32 (windows, frames), each below {size}, the same bit for bit on every machine.
  Outside of a clip, samples are zero.
- `decoder.onnx`: `tokens`, int32 (windows, {dec[0]} + frames + {dec[1]}), -1 outside of a clip ->
  `wave`, float32 (windows, frames * {hop}). `phase` and `frame`, int64 (windows,), are zero in the
  first window of a clip; in each other one, `next_phase` and `next_frame` of the window before.
"""


def write(folder: Path, released: Model) -> None:
    """Writes the two graphs, `model.json` and a README.

    Raises:
        ValueError: see `about.check_portable`.
    """
    about.check_portable(released)
    config = released.config
    facts = {"model_id": released.model_id}
    for name, build in (("encoder", onnx_encoder.build), ("decoder", onnx_decoder.build)):
        graph = build(released.params[name], config, facts)
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
    about.write(folder, released)
    text = README.format(
        id=released.model_id,
        opset=OPSET,
        hop=config.hop_length,
        rate=config.sample_rate,
        size=config.codebook_size,
        enc=config.encoder_halo,
        dec=config.decoder_halo,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
