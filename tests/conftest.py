"""What the tests share: eight devices on any machine, a tiny codec and speech-like sounds."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

# Before the first import of jax; subprocesses inherit it.
_CACHE = Path(__file__).resolve().parent.parent / ".cache" / "jax"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
os.environ["PYTHONWARNINGS"] = "error"  # as pyproject.toml for this process

import hypothesis  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import librosa.core.pitch  # noqa: E402, F401  before xdist has workers: see evaluate/metrics
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402
from sounds import make_speech  # noqa: E402
from training import QUICK  # noqa: E402

# Before these packages are imported: their annotations of arrays are checked at each call.
install_import_hook(["audiotok_jax.codec", "audiotok_jax.train"], "typechecker.checked")

from audiotok_jax import AudioTokenizer, CodecConfig, preset, pretrained  # noqa: E402
from audiotok_jax.codec import model  # noqa: E402

jax.config.update("jax_num_cpu_devices", 8)  # of this process alone, so not by the environment

hypothesis.settings.register_profile("audiotok", deadline=None, max_examples=25)
hypothesis.settings.load_profile("audiotok")

LONG = ("test_docs", "test_processes", "test_sharding", "test_launch", "test_train")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that workers end together."""
    order = dict(zip(LONG, range(len(LONG)), strict=True))
    items.sort(key=lambda item: order.get(item.path.stem, len(LONG)))


@pytest.fixture(scope="session")
def speech():
    """`make_speech`."""
    return make_speech


@pytest.fixture(scope="module")
def compiled_quickly() -> Iterator[None]:
    """What is compiled here and in processes that are started runs slower, and sooner.

    It rounds otherwise, so that no other test may be given a program from here.
    """
    jax.devices()  # reads the flags of XLA: those below are for other processes
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUICK.items():
            patch.setenv(name, value)
        jax.config.update("jax_disable_most_optimizations", True)
        jax.clear_caches()
        yield
        jax.config.update("jax_disable_most_optimizations", False)
        jax.clear_caches()


@pytest.fixture(scope="session")
def tiny() -> tuple[CodecConfig, model.Params]:
    """The config and parameters of a codec that is small, untrained, and yet not monotonous."""
    config = preset("tiny-80hz")
    params = jax.jit(model.init, static_argnums=1)(jax.random.key(0), config)
    # Each bit is 1 in half of the frames of speech.
    head = params["encoder"]["to_latent"]
    wave = jnp.pad(make_speech(32000), config.encoder_halo)[None]
    latent = model.latent(params, config, wave)
    head["bias"] = -np.median(np.asarray(latent), axis=(0, 1))
    # Pitch and filters follow the tokens and can be heard.
    heads = params["decoder"]
    heads["to_pitch"]["kernel"] *= 100
    heads["to_filters"]["kernel"] *= 10
    heads["to_filters"]["bias"] += 2
    return config, params


@pytest.fixture(scope="session")
def tokenizer(tiny) -> AudioTokenizer:
    """The tiny codec on one device."""
    config, params = tiny
    return AudioTokenizer(params, config, devices=jax.devices()[:1])


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small model like `live-80hz`, untrained, whose tokens and sounds vary."""
    config = dataclasses.replace(preset("live-80hz"), encoder_dim=96, decoder_dim=64)
    params = jax.tree.map(
        np.array, jax.jit(model.init, static_argnums=1)(jax.random.key(0), config)
    )
    rng = np.random.default_rng(0)
    for leaf in jax.tree.leaves(params["encoder"]):
        if leaf.ndim == 1:
            leaf += 0.03 * rng.normal(size=leaf.shape).astype(np.float32)
    heads = params["decoder"]
    heads["to_pitch"]["kernel"] *= 100
    heads["to_filters"]["kernel"] *= 3
    heads["to_filters"]["bias"] += 2
    folder = tmp_path_factory.mktemp("live")
    pretrained.save(folder, model.release(params, config), config)
    return folder
