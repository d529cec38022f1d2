"""DNSMOS: quality scores predicted by a network, without a reference."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from audiotok_jax.evaluate.metrics.original import RATE, Original, Values, Wave

WINDOW = 144_160  # samples, 9.01 s, the input of the network


def dnsmos(original: Original, decoded: Wave) -> Values:
    """DNSMOS P.835 (overall, speech, background; Reddy et al. 2022) and P.808 (2021), in 1..5.

    By the library `speechmos`: the mean over windows of 9.01 s, one every second. A shorter wave is
    repeated up to that length (the library would repeat it up to twice as long, for up to nine
    times the work). Samples beyond full scale are clipped; None for silence.
    """
    names = {f"dnsmos_{name}": f"{name}_mos" for name in ("ovrl", "sig", "bak", "p808")}
    if not decoded.any():
        return dict.fromkeys(names)
    long_enough = np.resize(decoded, max(WINDOW, len(decoded)))
    found = _model()(long_enough.clip(-1, 1), RATE, False)
    return {column: float(found[name]) for column, name in names.items()}


@cache
def _model() -> Callable[[Wave, int, bool], dict[str, np.floating]]:
    from onnxruntime import InferenceSession, SessionOptions
    from speechmos import dnsmos

    folder = Path(dnsmos.__file__).parent / "dnsmos_models"
    networks = [str(folder / name) for name in ("sig_bak_ovr.onnx", "model_v8.onnx")]
    model = dnsmos.DNSMOS(*networks)
    one_thread = SessionOptions()  # as other processes measure other clips
    one_thread.intra_op_num_threads = one_thread.inter_op_num_threads = 1
    model.onnx_sess, model.p808_onnx_sess = (InferenceSession(n, one_thread) for n in networks)
    return model
