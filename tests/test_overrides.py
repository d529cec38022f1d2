"""Settings of a run: types, names, files, and which of them counts."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotok_jax import cli, distributed, preset
from audiotok_jax.config import CodecConfig
from audiotok_jax.data.augment import Augment
from audiotok_jax.train import loop, overrides
from audiotok_jax.train.config import MeshConfig, Recipe, Session, TrainConfig

REPOSITORY = Path(__file__).parent.parent
EXPERIMENTS = sorted((REPOSITORY / "experiments" / "default_model").glob("speech_*.py"))

CONFIG = """\
from audiotok_jax import preset
from audiotok_jax.train.config import Recipe, TrainConfig

def config():
    return TrainConfig(
        data=("a",), out="r", codec=preset("tiny-50hz"), recipe=Recipe(steps=7, batch_size=6)
    )
"""


def read(*settings: str) -> TrainConfig:
    return overrides.changed(TrainConfig(), overrides.parse(TrainConfig(), settings))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("recipe.steps", "2_000", 2000),
        ("recipe.learning_rate", "3e-4", 3e-4),
        ("recipe.learning_rate", "1", 1.0),
        ("recipe.learning_rate", "None", None),
        ("recipe.learning_rate", "((0, 1e-3), (9, 0))", ((0.0, 1e-3), (9.0, 0.0))),
        ("recipe.losses.stft.weight", "[(0, 1), [5, 2]]", ((0.0, 1.0), (5.0, 2.0))),
        ("recipe.precision", "float32", "float32"),
        ("recipe.precision", "'float32'", "float32"),
        ("recipe.losses.teacher.weight", "3", 3.0),
        ("recipe.losses.mel.scales", "((1024, 100),)", ((1024, 100),)),
        ("codec.encoder_dim", "128", 128),
        ("augment.snr_db", "(0, 10)", (0.0, 10.0)),
        ("session.tensorboard", "False", False),
        ("session.profile", "(3, 5)", (3, 5)),
        ("session.wandb", "None", None),
        ("session.wandb", "'None'", "None"),
        ("session.wandb", "5", "5"),
        ("session.eval_data", "a=b", "a=b"),
        ("data", "('a', 'b c')", ("a", "b c")),
        ("weights", "[('vctk', 2)]", (("vctk", 2.0),)),
        ("out", "", ""),
    ],
)
def test_a_setting_gets_the_type_of_its_annotation(name, text, value):
    found: Any = read(f"{name}={text}")
    for part in name.split("."):
        found = by_name(found, part)
    assert found == value and type(found) is type(value)


def by_name(config: Any, part: str) -> Any:
    if isinstance(config, tuple):
        return next(one for one in config if one.name == part)
    return getattr(config, part)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("recipe.steps=2.0", "recipe.steps must be an integer, not '2.0'"),
        ("recipe.steps=True", "recipe.steps must be an integer, not 'True'"),
        ("recipe.ema=high", "recipe.ema must be a number, not 'high'"),
        ("recipe.ema=True", "recipe.ema must be a number, not 'True'"),
        ("resume=1", "resume must be a bool, not '1'"),
        ("session.minutes=x", "session.minutes must be a number or None, not 'x'"),
        ("session.profile=(1,)", "session.profile must be (an integer, an integer) or None"),
        ("data=a", "data must be (text, ...), not 'a'"),
        ("recipe.pitch_weight=((0, 'x'),)", "must be a number or ((a number, a number), ...), not"),
        ("recipe.steps=-5", "steps must be positive, not -5"),
        ("recipe.batch_size", "--set takes NAME=VALUE, not recipe.batch_size"),
        ("recipe.learning_rat=1", "no setting 'recipe.learning_rat', did you mean "
         "recipe.learning_rate?"),
        ("learning_rate=1", "did you mean recipe.learning_rate?"),
        ("receipt.learningrate=1", "did you mean recipe.learning_rate?"),
        ("recipe.stft_weight=1", "did you mean recipe.losses.stft.weight?"),
        ("recipe.losses.teachr.weight=3", "did you mean recipe.losses.teacher.weight?"),
        ("recipe.losses.mel.reference=original", "mel.reference must be recording or target, not "
         "original"),
        ("recipe.losses.stoi_loss.weight=high", "recipe.losses.stoi_loss.weight must be a number"),
        ("recipe.losses.level.weight=((5, 1), (5, 2))", "level.weight must be a number or points"),
        ("recipe.losses.stft.windows=(1023,)", "stft.windows must be multiples of 4 samples"),
        ("recipe.losses.mel.seconds=0", "mel.seconds must be positive, not 0"),
        ("recipe.losses.level=2", "is no single setting; it has recipe.losses.level.weight"),
        ("xyzzy=1", "no setting 'xyzzy'; --print-config shows all there are"),
        ("mesh=8", "mesh is no single setting; it has mesh.fsdp, mesh.model"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_one_clear_line(setting, message):
    with pytest.raises(ValueError) as caught:
        read(setting)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_settings_are_set_at_once_and_the_last_one_counts():
    # On the way, with batch_size alone, this would be refused.
    config = read("recipe.batch_size=10", "recipe.accumulate=3", "recipe.accumulate=5")
    assert (config.recipe.batch_size, config.recipe.accumulate) == (10, 5)
    assert config == dataclasses.replace(TrainConfig(), recipe=config.recipe)


number = st.floats(1e-9, 1e9)
points = st.lists(st.tuples(number, number), min_size=1, unique_by=lambda point: point[0])
schedule = number | points.map(lambda found: tuple(sorted(found)))
VALUES = {
    "data": st.lists(st.text(), max_size=3).map(tuple),
    "out": st.text(),
    "resume": st.booleans(),
    "init": st.none() | st.text() | st.just("None"),
    "weights": st.lists(st.tuples(st.text(), number), max_size=2).map(tuple),
    "codec.pitch_bins": st.integers(1, 999),
    "recipe.learning_rate": st.none() | schedule,
    "recipe.entropy_weight": schedule,
    "recipe.losses.stft.weight": schedule,
    "recipe.losses.teacher.layers": st.just((1, 4)),
    "recipe.precision": st.sampled_from(["float32", "bfloat16"]),
    "augment.gain_db": st.tuples(st.floats(-20, 0), st.floats(0, 20)),
    "session.minutes": st.none() | number,
    "session.profile": st.none() | st.tuples(st.integers(0, 9), st.integers(10, 99)),
}


@given(st.fixed_dictionaries({}, optional=VALUES))
def test_what_is_printed_can_be_read_back(values):
    config = overrides.changed(TrainConfig(), values)
    assert read(*overrides.lines(config)) == config


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_experiments_have_configs(path):
    assert isinstance(overrides.load(path), TrainConfig)


def test_there_are_experiments():
    assert EXPERIMENTS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "config.py: has no function config()"),
        ("def config(): return {}", "config.py: config() must return a TrainConfig, not {}"),
        ("\ndef config():\n    return {}['x']", "config.py, line 3: KeyError: 'x'"),
        ("\n\ndef config(:", "config.py, line 3: SyntaxError"),
        ("from audiotok_jax.train.config import Recipe\nRecipe(steps=0)",
         "config.py, line 2: ValueError: steps must be positive"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_clear_line(tmp_path, text, message):
    path = tmp_path / "config.py"
    path.write_text(text)
    with pytest.raises(ValueError) as caught:
        overrides.load(path)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command: what would be trained, how processes started, exit code and output."""
    trained: list[TrainConfig] = []
    started: list[tuple] = []
    monkeypatch.setattr(loop, "train", trained.append)
    monkeypatch.setattr(distributed, "start", lambda *given: started.append(given))

    def run(*args: str):
        del trained[:], started[:]
        code = cli.main(["train", *args])
        return code, *trained, *started, *capsys.readouterr()

    return run


def test_options_mean_settings(run):
    bare = ("--preset", "tiny-50hz", "--data", "a", "b", "--out", "r")
    config = TrainConfig(codec=preset("tiny-50hz"), data=("a", "b"), out="r")
    assert run(*bare) == (0, config, (None, None, None), "", "")
    options = (
        "--minutes 1.5 --steps 7 --resume --init w --stage 2 --batch-size 3 --seconds 0.5 "
        "--learning-rate 1e-4 --seed 9 --save-minutes 2 --precision float32 --eval-data e "
        "--profile 3:5 --coordinator h:1 --processes 2 --process 1"
    )
    values = {
        "session.minutes": 1.5, "recipe.steps": 7, "resume": True, "init": "w",
        "recipe.stage": 2, "recipe.batch_size": 3, "recipe.seconds": 0.5,
        "recipe.learning_rate": 1e-4, "recipe.seed": 9, "session.save_minutes": 2.0,
        "recipe.precision": "float32", "session.eval_data": "e", "session.profile": (3, 5),
    }  # fmt: skip
    expected = overrides.changed(config, values)
    assert run(*bare, *options.split()) == (0, expected, ("h:1", 2, 1), "", "")


def test_defaults_give_way_to_the_file_then_options_then_set(run, tmp_path):
    path = tmp_path / "config.py"
    path.write_text(CONFIG)
    options = "--steps 8 --preset tiny-80hz --set recipe.seed=2 recipe.steps=9 codec.bits=8"
    code, config, *_ = run(str(path), *options.split(), "--set", "recipe.seed=3")
    assert code == 0
    codec = dataclasses.replace(preset("tiny-80hz"), bits=8)
    assert (config.data, config.out, config.codec) == (("a",), "r", codec)
    recipe = config.recipe
    assert (recipe.batch_size, recipe.steps, recipe.seed, recipe.ema) == (6, 9, 3, 0.999)


def test_the_config_is_printed_and_nothing_is_started(run, tmp_path):
    path = tmp_path / "config.py"
    path.write_text(CONFIG)
    code, out, err = run(str(path), "--print-config", "--steps", "8")
    assert (code, err) == (0, "") and "recipe.steps=8\n" in out
    expected = overrides.changed(overrides.load(path), {"recipe.steps": 8})
    assert read(*out.splitlines()) == expected
    code, out, err = run("--print-config")
    assert read(*out.splitlines()) == TrainConfig()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "name --preset, --data, --out, or a CONFIG"),
        (["--preset", "tiny-50hz", "--out", "r"], "name --data, or a CONFIG"),
        (["nowhere.py"], "nowhere.py: No such file"),
        (["--data", "a", "--out", "r", "--preset", "tinny-50hz"], "did you mean tiny-50hz?"),
        (["--data", "a", "--out", "r", "--preset", "tiny-50hz", "--set", "x=1"], "'x'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(run, args, message):
    code, out, err = run(*args)
    assert (code, out) == (1, "") and message in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: Recipe(steps="10"),
        lambda: Recipe(steps=True),
        lambda: Recipe(steps=10.0),
        lambda: Recipe(steps=2**31),
        lambda: Recipe(seconds=float("nan")),
        lambda: Recipe(seconds=10**400),
        lambda: Recipe(batch_size=10**9),
        lambda: Recipe(seed=-1),
        lambda: Recipe(ema=1.5),
        lambda: Recipe(warmup=-1),
        lambda: Recipe(learning_rate=float("inf")),
        lambda: Recipe(learning_rate=((0, "1"),)),
        lambda: Recipe(entropy_weight=((0, float("nan")),)),
        lambda: Recipe(stage=True),
        lambda: Session(minutes=float("inf")),
        lambda: Session(keep="3"),
        lambda: Session(profile=(1, 2, 3)),
        lambda: MeshConfig(fsdp=0),
        lambda: MeshConfig(model=1.0),
        lambda: Augment(gain=float("nan")),
        lambda: Augment(speed_range=(1.0,)),
        lambda: TrainConfig(data="speech/"),
        lambda: TrainConfig(resume=1),
        lambda: TrainConfig(weights=(("a", "b"),)),
        lambda: TrainConfig(codec="small-80hz"),
        lambda: CodecConfig(encoder_depth=10**6),
        lambda: CodecConfig(pitch_min="60"),
        lambda: CodecConfig(bits=True),
    ],
)
def test_settings_have_a_type_and_bounds_wherever_they_come_from(make):
    with pytest.raises(ValueError, match=" must (be|lie in) ") as caught:
        make()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_setting_that_is_not_finite_is_none():
    with pytest.raises(ValueError, match="recipe.seconds must be a number"):
        overrides.parse(TrainConfig(), ["recipe.seconds=1e999"])
