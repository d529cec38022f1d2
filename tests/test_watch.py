"""What a run shows: numbers, speed, traces, evaluations, and where they are written."""

from __future__ import annotations

import io
import json
import sys
import types
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import soundfile
from PIL import Image
from tensorboardX.proto.event_pb2 import Event

from audiotok_jax import AudioTokenizer, audio, preset, products
from audiotok_jax.data import sources
from audiotok_jax.data.clips import Skipped
from audiotok_jax.evaluate import metrics as measured
from audiotok_jax.evaluate.align import align
from audiotok_jax.train import evaluation as judging
from audiotok_jax.train import metrics, throughput, trackers
from audiotok_jax.train.config import Recipe, Session, TrainConfig
from audiotok_jax.train.evaluation import Evaluated, Evaluation, Sample
from audiotok_jax.train.profile import Profile
from audiotok_jax.train.trackers import console
from audiotok_jax.train.trackers.tensorboard import TensorBoard

BITS = (np.arange(16) / 16).astype(np.float32)
PEAK = 1e12
FLOPS = 3e11


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, speech) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    for number in range(5):
        audio.write(root / f"{number}.wav", speech(16000, seed=number), 16000)
    (root / "broken.wav").write_bytes(b"RIFF")
    return root


@pytest.fixture
def clock(monkeypatch):
    """A clock that is turned by hand."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: now.seconds)
    return now


def results(step: int, **more: Any) -> tuple[int, dict[str, Any]]:
    """What a step gives, as arrays of a device."""
    numbers = dict.fromkeys(("mel", "stft", "pitch", "gradient_norm", "learning_rate"), 0.1)
    counts = {"skipped": 0, "skipped_in_a_row": 0, "stop_request": 0}
    found = numbers | {"loss": 1 / 3 + step, "bits": BITS} | counts | more
    return step, {
        name: jnp.asarray(value, jnp.int32 if name in counts else jnp.float32)
        for name, value in found.items()
    }


@pytest.fixture
def session(corpus, tmp_path, monkeypatch):
    """Makes the metrics of a session of a run that hears a second a step."""
    monkeypatch.setattr(metrics, "peak_flops", lambda precision: PEAK)
    clips = sources.open_clips([str(corpus)], 16000)

    def make(first_step: int = 0, **settings: Any) -> metrics.Metrics:
        recipe = Recipe(batch_size=2, seconds=0.5, steps=1000, patience=2)
        config = TrainConfig(
            data=("x",),
            codec=preset("tiny-80hz"),
            recipe=recipe,
            session=Session(**{"tensorboard": False} | settings),
        )
        data = SimpleNamespace(skipped=[])
        return metrics.Metrics(tmp_path, first_step, config, clips, data, FLOPS)

    return make


def lines(path: Path) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def test_flops_of_products_are_counted_wherever_they_are():
    a, b = jnp.zeros((3, 4)), jnp.zeros((4, 5))

    def function(a: jax.Array, b: jax.Array) -> Any:
        product = a @ b  # 2 * 3 * 4 * 5
        batches = jnp.einsum("bij,bjk->bik", jnp.zeros((7, 2, 3)), jnp.zeros((7, 3, 4)))
        turned, _ = jax.lax.scan(lambda x, _: (x @ x, None), jnp.eye(2), length=10)
        chosen = jax.lax.cond(a[0, 0] > 0, lambda: jnp.eye(6) @ jnp.eye(6), lambda: jnp.eye(6))
        wave, kernel = jnp.zeros((2, 3, 20)), jnp.zeros((8, 3, 5))
        heard = jax.lax.conv(wave, kernel, (1,), "VALID")  # (2, 8, 16)
        return product, batches, turned, chosen, heard, jax.jit(lambda x: x @ x)(jnp.eye(9))

    expected = 2 * (3 * 4 * 5 + 7 * 2 * 3 * 4 + 10 * 2**3 + 6**3 + 2 * 8 * 16 * 3 * 5 + 9**3)
    assert products.matmul_flops(jax.jit(function).trace(a, b).jaxpr) == expected
    # Backwards there are two products for each.
    loss = jax.jit(jax.grad(lambda a, b: jnp.sum(jnp.sin(a @ b)), argnums=(0, 1)))
    assert products.matmul_flops(loss.trace(a, b).jaxpr) == 3 * 2 * 3 * 4 * 5


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_rate_of_products_is_that_of_all_devices(monkeypatch, precision):
    seconds = iter(range(100))
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(seconds))
    monkeypatch.setattr(throughput, "_SIZES", {"cpu": (32, 3)})
    # Three products of (8 * 32, 32) by (32, 32) in one tick of the clock.
    assert throughput.peak_flops(precision) == 2 * 3 * 8 * 32**3
    assert next(seconds) > 2


def test_speed_is_taken_between_steps_and_not_over_pauses(clock):
    speed = throughput.Throughput(audio_seconds=4.0, flops=FLOPS, peak=PEAK)
    assert speed.step() == {}
    clock.seconds += 2
    assert speed.step() == {"audio_seconds_per_second": 2.0, "mfu": pytest.approx(0.15)}
    speed.pause()
    clock.seconds += 1000
    assert speed.step() == {}
    clock.seconds += 1
    assert speed.step()["mfu"] == pytest.approx(0.3)


def test_a_line_for_each_step_is_written_and_the_wish_comes_back(session, tmp_path, clock, capsys):
    with session() as told:
        assert told.write(None) == 0
        for step in range(41):
            with told.step(step):
                assert told.write(results(step, stop_request=step % 3)) == step % 3
            clock.seconds += 0.5
    found = lines(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in found] == list(range(41))
    assert "mfu" not in found[0] and found[0]["loss"] == 0.33333334
    assert np.float32(found[7]["loss"]) == np.float32(7 + 1 / 3)
    assert found[1]["audio_seconds_per_second"] == 2.0 and found[1]["mfu"] == pytest.approx(0.6)
    assert [line["step"] for line in found if "bits" in line] == [0, 20, 40]
    np.testing.assert_array_equal(np.float32(found[20]["bits"]), BITS)
    assert all("stop_request" not in line and "skipped_in_a_row" not in line for line in found)
    first, devices, twenty, forty, *rest = capsys.readouterr().out.splitlines()
    assert "1.28 kbps; 5 clips, 0.00 h, 1 left out (skipped.jsonl); stage 1, step 0 of 1," in first
    assert devices == (
        "8 x cpu in 1 process(es), data=8 fsdp=1 model=1, 1 TFLOP/s in bfloat16 products"
    )
    assert twenty == (
        "step 20  loss 20.333  mel 0.100  stft 0.100  pitch 0.100  gradient_norm 0.100  "
        "bits 0.00..0.94  2.0 audio s/s  mfu 60.0%  0:08:10 left"
    )
    assert forty.startswith("step 40 ") and rest == []
    assert lines(tmp_path / "skipped.jsonl")[0]["path"].endswith("broken.wav")
    (line,) = lines(tmp_path / "sessions.jsonl")
    assert line["first_step"] == 0 and len(line["devices"]) == 8


def test_a_session_goes_on_where_the_save_was(session, tmp_path):
    with session() as told:
        for step in range(4):
            told.write(results(step))
        for done in (2, 3, 4):
            told._trackers[0].show(done, Evaluated({"stoi": 0.5}, -1.0, []))
    # The process was killed amid a line.
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 4, "lo')
    before = lines(tmp_path / "eval.jsonl")
    with session(first_step=3) as told:
        told.write(results(3))
    assert [line["step"] for line in lines(tmp_path / "metrics.jsonl")] == [0, 1, 2, 3]
    # What was judged after three steps was judged before step 3.
    assert lines(tmp_path / "eval.jsonl") == before[:2]
    assert [line["first_step"] for line in lines(tmp_path / "sessions.jsonl")] == [0, 3]


def test_a_step_without_numbers_is_written_and_too_many_end_the_run(session, tmp_path):
    bad = {"loss": np.nan, "gradient_norm": np.inf}
    with session() as told:
        told.write(results(0, **bad, skipped=1, skipped_in_a_row=1))
        with pytest.raises(FloatingPointError, match="2 steps in a row, up to step 1"):
            told.write(results(1, **bad, skipped=2, skipped_in_a_row=2))
    one, two = lines(tmp_path / "metrics.jsonl")
    assert one["loss"] is None and two["gradient_norm"] is None and two["skipped"] == 2


def test_audio_that_fails_on_the_way_is_listed_once(session, tmp_path, capsys):
    with session() as told:
        for step, name in enumerate(["x.wav", "y.wav"]):
            told.data.skipped.append(Skipped(name, "is bad"))
            told.write(results(step))
    with session(first_step=2) as told:
        told.data.skipped.append(Skipped("y.wav", "is bad"))
        told.write(results(2))
    names = [Path(line["path"]).name for line in lines(tmp_path / "skipped.jsonl")]
    assert names == ["broken.wav", "x.wav", "y.wav"]
    assert "left out 2 clips while reading: see skipped.jsonl" in capsys.readouterr().out


def test_other_processes_write_nothing_but_what_they_left_out(
    session, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(jax, "process_index", lambda: 3)
    with session(profile=(0, 9)) as told, told.step(0):
        told.data.skipped.append(Skipped("z.wav", "is bad"))
        assert told.write(results(0, stop_request=2)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["skipped.3.jsonl"]
    assert capsys.readouterr().out == ""


def test_a_terminal_gets_a_bar(session, monkeypatch, capsys, clock):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with session() as told:
        for step in range(21):
            told.write(results(step))
            clock.seconds += 0.5
    out = capsys.readouterr().out
    assert "21/1000" in out and "\x1b[" in out and "step 20" in out and "0:08:10 left" in out


def test_the_time_left_is_that_of_the_session_where_this_ends_before_the_steps(
    session, monkeypatch, capsys, clock
):
    monkeypatch.setattr(console.time, "monotonic", lambda: clock.seconds)
    with session(minutes=1) as told:
        for step in range(41):
            told.write(results(step))
            clock.seconds += 2
    *_, twenty, forty = capsys.readouterr().out.splitlines()
    assert twenty.endswith("0:00:20 left") and forty.endswith("0:00:00 left")


def events(folder: Path) -> list[Event]:
    """All records of event files: length, its checksum, data, checksum."""
    found = []
    for path in sorted(folder.iterdir()):
        data, place = path.read_bytes(), 0
        while place < len(data):
            size = int.from_bytes(data[place : place + 8], "little")
            found.append(Event.FromString(data[place + 12 : place + 12 + size]))
            place += 16 + size
    return found


def test_tensorboard_gets_numbers_bits_speech_and_pictures(tmp_path, speech):
    original, decoded = speech(16000), 2 * speech(16000, seed=1)
    board = TensorBoard(tmp_path, first_step=0)
    board.log(0, {"loss": 2.5, "mfu": 0.5, "bits": BITS.tolist()})
    for done in (1, 2):
        evaluated = Evaluated({"stoi": 0.5, "lsd": None}, -1.0, [Sample("a", original, decoded)])
        board.show(done, evaluated)
    board.close()
    values: dict[tuple[str, int], Any] = {
        (value.tag, event.step): value
        for event in events(tmp_path)
        for value in event.summary.value
    }
    assert set(values) == {
        ("train/loss", 0), ("speed/mfu", 0), ("bits", 0),
        ("eval/stoi", 1), ("a/decoded", 1), ("a/original", 1), ("a/both", 1),
        ("eval/stoi", 2), ("a/decoded", 2), ("a/both", 2),
    }  # fmt: skip
    assert values["train/loss", 0].simple_value == 2.5
    assert values["bits", 0].histo.bucket == BITS.tolist()
    assert values["bits", 0].histo.bucket_limit == list(range(1, 17))
    for name, wave in (("original", original), ("decoded", decoded.clip(-1, 1))):
        sound = values[f"a/{name}", 1].audio
        heard, rate = soundfile.read(io.BytesIO(sound.encoded_audio_string))
        assert rate == sound.sample_rate == 16000
        np.testing.assert_allclose(heard, wave, atol=2**-15)
    picture = np.asarray(Image.open(io.BytesIO(values["a/both", 1].image.encoded_image_string)))
    half = len(picture) // 2
    assert picture.shape[2] == 3 and 200 < picture.shape[1] <= judging.MAX_COLUMNS
    # Both on one scale: the second is louder.
    assert picture[half:].mean() > picture[:half].mean() > 0


def test_tensorboard_forgets_what_a_killed_session_wrote(tmp_path):
    for first in (0, 3):
        board = TensorBoard(tmp_path, first_step=first)
        board.log(first, {"loss": 1.0})
        board.close()
    assert len(list(tmp_path.iterdir())) == 2
    started = [event.step for event in events(tmp_path) if event.HasField("session_log")]
    assert started == [1, 4]


def test_weights_and_biases_goes_on_with_its_run(tmp_path, session, monkeypatch, speech):
    begun, logged = [], []

    class Run:
        def __init__(self, **about: Any):
            begun.append(about)
            self.log = logged.append
            self.define_metric = lambda *names, step_metric: logged.append((names, step_metric))
            self.finish = lambda: logged.append("finished")

    fake = types.ModuleType("wandb")
    fake.init, fake.Audio, fake.Image = Run, lambda wave, sample_rate: len(wave), np.shape
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for first in (0, 1):
        with session(first_step=first, wandb="speech") as told:
            told.write(results(first))
            sample = Sample("a", speech(800), speech(800))
            told._trackers[-1].show(1, Evaluated({"stoi": 0.5}, -1.0, [sample]))
    one, two = begun
    assert one["project"] == "speech" and one["id"] == two["id"] and one["resume"] == "allow"
    assert one["dir"] == tmp_path and one["config"]["recipe"]["patience"] == 2
    axis, numbers, judged, end = logged[:4]
    assert axis == (("*",), "step") and end == "finished"
    assert numbers["step"] == 0 and numbers["train/loss"] == 0.33333334
    assert numbers["bits/8"] == 0.5 and "train/bits" not in numbers
    assert judged["step"] == 1 and judged["eval/stoi"] == 0.5
    assert judged["a/decoded"] == 800 and judged["a/both"][2] == 3


def test_a_tracker_that_is_not_installed_is_named_at_once(monkeypatch):
    trackers.check(Session())
    monkeypatch.setattr(trackers.provenance, "version", lambda name: None)
    with pytest.raises(ValueError, match=r"audiotok_jax\[wandb\]"):
        trackers.check(Session(wandb="speech"))


def test_a_trace_covers_its_steps_alone(tmp_path, monkeypatch):
    calls: list[Any] = []
    monkeypatch.setattr(jax.profiler, "start_trace", calls.append)
    monkeypatch.setattr(jax.profiler, "stop_trace", lambda: calls.append("stop"))
    profile = Profile(tmp_path, (2, 4))
    for step in range(7):
        with profile.step(step):
            calls.append(step)
        profile.ended(step - 1)  # a step late, as the loop reads results
    profile.close()
    assert calls == [0, 1, str(tmp_path), 2, 3, 4, "stop", 5, 6]
    # A run that ends before writes what there is.
    calls.clear()
    profile = Profile(tmp_path, (0, 9))
    with profile.step(5):
        pass
    profile.close()
    assert calls == [str(tmp_path), "stop"]


def test_a_trace_is_written(session, tmp_path):
    with session(profile=(0, 1)) as told:
        with told.step(0):
            one = results(0)
        told.write(one)
    (trace,) = (tmp_path / "profile").rglob("*.xplane.pb")
    assert b"train" in trace.read_bytes()


def test_an_evaluation_measures_what_evaluate_does(corpus, tiny):
    config, params = tiny
    evaluation = Evaluation(str(corpus), 3, config)
    means, score, samples = evaluation.run(params)
    assert means["mel_distance"] == -score and set(means) <= set(judging.METRICS)
    assert [sample.name.rpartition("/")[2] for sample in samples] == ["0.wav", "2.wav", "4.wav"]
    tokenizer = AudioTokenizer(params, config)
    expected = []
    for sample in samples:
        wave = tokenizer.decode(tokenizer.encode(sample.original, 16000))
        decoded = align(sample.original, wave, 16000).decoded
        np.testing.assert_array_equal(sample.decoded, decoded)
        original = measured.Original(sample.original)
        named = [metric for metric in measured.METRICS if metric.name == "mel_distance"]
        expected.append(measured.measure(original, decoded, named)["mel_distance"])
    assert means["mel_distance"] == pytest.approx(np.mean(expected), rel=1e-6)


def test_processes_share_an_evaluation_and_agree(corpus, tiny, monkeypatch):
    config, params = tiny
    whole = Evaluation(str(corpus), 5, config).run(params)
    tables: list[np.ndarray] = []
    monkeypatch.setattr(jax, "process_count", lambda: 2)

    def gather(table: np.ndarray) -> np.ndarray:
        tables.append(table)
        return np.stack(tables[-2:] if len(tables) > 1 else [table, table])

    monkeypatch.setattr(judging.multihost_utils, "process_allgather", gather)
    found = []
    for process in (0, 1):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        found.append(Evaluation(str(corpus), 5, config).run(params))
    assert [len(part.samples) for part in found] == [3, 2]
    assert np.isnan(tables[1][::2]).all() and np.isnan(tables[0][1::2]).all()
    # The second one gathered both tables.
    assert found[1].means == whole.means and found[1].score == whole.score


def test_speech_that_is_no_number_counts_as_silence(corpus, tiny, monkeypatch):
    config, params = tiny
    silent = [np.zeros(16000, np.float32)] * 2
    evaluation = Evaluation(str(corpus), 2, config)
    monkeypatch.setattr(AudioTokenizer, "decode_batch", lambda self, tokens: silent)
    expected = evaluation.run(params)
    broken = [np.full(16000, np.nan, np.float32), np.full(16000, -np.inf, np.float32)]
    monkeypatch.setattr(AudioTokenizer, "decode_batch", lambda self, tokens: broken)
    found = evaluation.run(params)
    assert found.score == expected.score and found.means == expected.means


def test_a_bad_clip_to_evaluate_on_is_named_at_once(tmp_path, speech, tiny):
    config, _ = tiny
    audio.write(tmp_path / "a.flac", speech(160_000), 16000)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="a.flac"):
        Evaluation(str(tmp_path), 1, config)


def test_a_bad_clip_beside_good_ones_is_left_out_and_told(tmp_path, speech, tiny, caplog):
    config, _ = tiny
    audio.write(tmp_path / "a.wav", speech(16_000), 16000)
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    Evaluation(str(tmp_path), 9, config)
    [line] = caplog.messages
    assert "left out" in line and "b.wav" in line


def test_a_long_clip_is_cut(tmp_path, speech, tiny):
    config, params = tiny
    audio.write(tmp_path / "a.wav", speech(20 * 16000), 16000)
    (sample,) = Evaluation(str(tmp_path), 9, config).run(params).samples
    assert len(sample.original) == len(sample.decoded) == 15 * 16000


def test_a_evaluated_reaches_files_and_the_loop_and_no_speed(session, tmp_path, clock, capsys):
    evaluated = Evaluated({"stoi": 0.5, "si_sdr": None, "mel_distance": 0.7}, -0.7, [])

    class Fake:
        def run(self, params: Any) -> Evaluated:
            clock.seconds += 1000
            return evaluated

    with session() as told:
        told.write(results(0))
        assert told.evaluate(1, Fake(), {}) == -0.7
        told.write(results(1))
    (line,) = lines(tmp_path / "eval.jsonl")
    assert line == {"step": 1, "score": -0.7, "stoi": 0.5, "si_sdr": None, "mel_distance": 0.7}
    assert "mfu" not in lines(tmp_path / "metrics.jsonl")[1]
    assert "after 1 steps  stoi 0.500  mel_distance 0.700\n" in capsys.readouterr().out
