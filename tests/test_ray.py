"""`audiotok corpus run --engine ray`: the same bytes as on this machine."""

from __future__ import annotations

import pytest

from audiotok_jax import audio, pretrained
from audiotok_jax.cli import main

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")


@pytest.mark.slow  # starting Ray takes longer than many tests
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ray itself
def test_ray_gives_the_same_bytes(tiny, tmp_path, speech, monkeypatch):
    monkeypatch.delenv("PYTHONWARNINGS")
    config, params = tiny
    pretrained.save(tmp_path / "model", params, config)
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(7):
        # One of them longer than a window, and of another rate.
        rate = (16000, 44100)[number == 3]
        audio.write(folder / f"{number}.wav", speech(8000 * (1 + 12 * (number == 3)), number), rate)
    (folder / "broken.wav").write_bytes(b"RIFF")
    command = [
        *("corpus", "run", str(folder), "--shard-clips", "3"),
        *("--model", str(tmp_path / "model"), "--workers", "0", "--out"),
    ]
    assert main([*command, str(tmp_path / "local")]) == 0
    assert main([*command, str(tmp_path / "ray"), "--shard", "0/2"]) == 0
    try:
        assert main([*command, str(tmp_path / "ray"), "--engine", "ray"]) == 0
    finally:
        ray.shutdown()
    found = [
        {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        for out in (tmp_path / "local", tmp_path / "ray")
    ]
    assert len(found[0]) > 8 and found[0] == found[1]
