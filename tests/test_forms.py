"""The forms in which clips, tokens and models come to `AudioTokenizer` from other libraries."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiotok_jax import AudioError, AudioTokenizer, audio, hub, pretrained


@pytest.fixture(scope="module")
def wave(speech) -> np.ndarray:
    return audio.to_pcm(speech(20_000))


@pytest.fixture(scope="module")
def tokens(tokenizer, wave) -> np.ndarray:
    return tokenizer.encode(wave, 16000)


def test_a_clip_is_a_path_or_an_array_of_any_library(tokenizer, wave, tokens, tmp_path):
    audio.write(tmp_path / "clip.wav", wave / 32768, 16000)
    floats = wave / np.float32(32768)
    stereo = np.stack([floats, floats])
    for found in (
        tokenizer.encode(tmp_path / "clip.wav"),
        tokenizer.encode(str(tmp_path / "clip.wav")),
        tokenizer.encode(floats, 16000.0),
        tokenizer.encode(floats.tolist(), np.float32(16000)),
        tokenizer.encode(floats[None], np.int64(16000)),
        tokenizer.encode(floats[:, None], 16000),
        tokenizer.encode(floats[None], 16000, channels_first=True),
        tokenizer.encode(stereo, 16000, channels_first=True),
        tokenizer.encode(stereo.T, 16000),
        tokenizer.encode(jnp.asarray(floats)[None], 16000),
        *tokenizer.encode_batch([tmp_path / "clip.wav"] * 2),
        *tokenizer.encode_batch([stereo], 16000, channels_first=True),
    ):
        np.testing.assert_array_equal(found, tokens)


def test_clips_and_tokens_of_pytorch(tokenizer, wave, tokens):
    torch = pytest.importorskip("torch", reason="the extra `dev` is not installed")
    for clip in (torch.from_numpy(wave), torch.from_numpy(wave / np.float32(32768))[None]):
        np.testing.assert_array_equal(tokenizer.encode(clip, 16000), tokens)
    with_gradient = torch.from_numpy(wave / np.float32(32768)).requires_grad_()
    np.testing.assert_array_equal(tokenizer.encode(with_gradient, 16000), tokens)
    with pytest.raises(AudioError, match="must form an array of numbers"):
        tokenizer.encode(with_gradient.to(torch.bfloat16), 16000)
    decoded = tokenizer.decode(tokens)
    ids = torch.from_numpy(tokens.astype(np.int64))
    np.testing.assert_array_equal(tokenizer.decode(ids), decoded)
    np.testing.assert_array_equal(tokenizer.decode(ids[None]), decoded)


def test_a_file_has_a_sample_rate_and_an_array_needs_one(tokenizer, wave, tmp_path):
    with pytest.raises(AudioError, match=r"none\.wav: a file has a sample rate of its own"):
        tokenizer.encode("none.wav", 16000)
    with pytest.raises(AudioError, match="arrays need their sample rate"):
        tokenizer.encode(wave)
    with pytest.raises(FileNotFoundError):
        tokenizer.encode(tmp_path / "none.wav")


def test_a_row_of_a_dataset_has_a_sample_rate(tokenizer, wave, tokens):
    floats = wave / np.float32(32768)
    both = SimpleNamespace(data=np.stack([floats, floats]), sample_rate=16000)
    for row in (
        {"path": "a.wav", "array": floats.astype(np.float64), "sampling_rate": 16000},
        SimpleNamespace(get_all_samples=lambda: both),  # of torchcodec
    ):
        np.testing.assert_array_equal(tokenizer.encode(row), tokens)
        with pytest.raises(AudioError, match="has a sample rate of its own"):
            tokenizer.encode(row, 16000)
    with pytest.raises(AudioError, match=r"give row\['audio'\]"):
        tokenizer.encode({"audio": {"array": floats, "sampling_rate": 16000}, "text": "x"})


def test_padded(tokenizer, wave, tokens):
    clips = [wave[:7000], wave, wave[:100]]
    found, lengths = tokenizer.encode_padded(clips, 16000, pad=7)
    assert found.dtype == np.uint16 and found.shape == (3, len(tokens))
    assert lengths.dtype == np.int64 and lengths.tolist() == [35, len(tokens), 1]
    waves, samples = tokenizer.decode_padded(jnp.asarray(found), lengths.tolist())
    assert waves.dtype == np.float32 and samples.tolist() == (200 * lengths).tolist()
    for clip, row, length, speech, end in zip(clips, found, lengths, waves, samples, strict=True):
        np.testing.assert_array_equal(row[:length], tokenizer.encode(clip, 16000))
        assert (row[length:] == 7).all()
        np.testing.assert_array_equal(speech[:end], tokenizer.decode(row[:length]))
        assert not speech[end:].any()


def test_what_is_not_padded_is_refused(tokenizer):
    rows = np.zeros((2, 3), np.uint16)
    for tokens, lengths, message in (
        (rows, [1], r"shapes \(B, T\) and \(B,\), not uint16 \(2, 3\) and int64 \(1,\)"),
        (rows[0], [1], "shapes"),
        (rows, [1.0, 2.0], "float64"),
        (rows, [0, 3], r"must lie in 1\.\.3, not \[0, 3\]"),
        (rows, [1, 4], r"must lie in 1\.\.3"),
        (rows[:0], np.zeros(0, int), "there is no clip"),
    ):
        with pytest.raises(ValueError, match=message):
            tokenizer.decode_padded(tokens, lengths)
    with pytest.raises(ValueError, match="there is no clip"):
        tokenizer.encode_padded([], 16000)


def test_tokens_come_as_a_list_and_as_a_batch_of_one(tokenizer, tokens):
    decoded = tokenizer.decode(tokens)
    for form in (tokens.tolist(), tokens[None], [tokens.tolist()], jnp.asarray(tokens)[None]):
        np.testing.assert_array_equal(tokenizer.decode(form), decoded)


def test_a_model_is_saved_and_loaded(tokenizer, tokens, wave, tmp_path):
    name = tokenizer.save_pretrained(tmp_path / "model")
    again = AudioTokenizer.from_pretrained(tmp_path / "model", devices=jax.devices()[:1])
    assert again.model_id == name
    assert again.encode(wave, 16000).shape == tokens.shape
    assert again.save_pretrained(tmp_path / "copy") == name
    for path in (tmp_path / "model").iterdir():
        assert path.read_bytes() == (tmp_path / "copy" / path.name).read_bytes()


def test_a_released_model_keeps_its_id_and_its_prior(tmp_path):
    hub.copy("speech-80hz-v10", tmp_path / "model")
    released = pretrained.locate("speech-80hz-v10")
    assert {path.name for path in released.iterdir()} == {
        path.name for path in (tmp_path / "model").iterdir()
    }
    assert pretrained.load(tmp_path / "model").model_id == pretrained.load().model_id


def test_a_model_of_the_hub(monkeypatch, tmp_path):
    hub.copy("speech-40hz-v1", tmp_path / "snapshot")
    asked = []

    def download(name: str, allow_patterns: list[str]) -> str:
        asked.append(name)
        if name.endswith("none"):
            raise ConnectionError("404 Client Error.\n\nNot found")
        return str(tmp_path / "snapshot")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=download))
    monkeypatch.chdir(tmp_path)
    assert AudioTokenizer.from_pretrained("someone/speech").frame_rate == 40
    assert asked == ["someone/speech"]
    with pytest.raises(FileNotFoundError, match="not on the Hugging Face hub: 404 Client Error. N"):
        AudioTokenizer.from_pretrained("someone/none")
    # What may be a folder is not asked for on the network.
    asked.clear()
    for name in ("snapshot/typo", "./someone/speech", "a/b/c", "typo", tmp_path / "typo"):
        with pytest.raises(FileNotFoundError, match="no model"):
            AudioTokenizer.from_pretrained(name)
    assert not asked
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(FileNotFoundError, match="needs huggingface_hub: pip install"):
        AudioTokenizer.from_pretrained("someone/speech")
