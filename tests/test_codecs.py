"""Tests of the codecs that are measured: programs, containers, our own, and those of others."""

from __future__ import annotations

import importlib.util
import os
import pickle
import shutil
import stat
import struct
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiotok_jax import AudioTokenizer, audio, pretrained
from audiotok_jax.bench import peers as bench
from audiotok_jax.evaluate import codecs
from audiotok_jax.evaluate.codecs import mp3, ogg
from audiotok_jax.tokenfile import OtherModelError

EXAMPLES = Path(__file__).parent.parent / "examples"
PACKAGES = {
    "opus": ("opus-tools", "opusenc", "opusdec"),
    "codec2": ("codec2", "c2enc", "c2dec"),
    "speex": ("speex", "speexenc", "speexdec"),
    "mp3": ("ffmpeg", "ffmpeg"),
}
# Bits a second by spec, and how far from it the payload may be: frames do not end where the
# speech does, and Opus varies its rate.
RATES = {
    **{"opus:6": (6000, 0.15), "opus:9": (9000, 0.15), "opus:12": (12000, 0.15)},
    **{f"codec2:{rate}": (rate, 0.01) for rate in (450, 700, 1200, 1300, 1400, 1600, 2400, 3200)},
    **{"speex:2.4": (2400, 0.01), "speex:4": (4000, 0.01), "speex:8": (8000, 0.01)},
    **{"speex:10": (10000, 0.01), "speex:42.4": (42400, 0.01)},
    **{"mp3:8": (8000, 0.03), "mp3:16": (16000, 0.03), "mp3:160": (160000, 0.03)},
}


def make(spec: str) -> codecs.Codec:
    package, *programs = PACKAGES[spec.partition(":")[0]]
    if not all(map(shutil.which, programs)):
        pytest.skip(f"needs the Debian package {package}")
    return codecs.parse(spec)


def read(name: str) -> np.ndarray:
    return audio.read(EXAMPLES / f"{name}.flac", 16000)[0]


def envelope(wave: np.ndarray, rate: int) -> np.ndarray:
    """Level of each 20 ms in dB, 40 dB at most below the loudest."""
    size = rate // 50
    frames = wave[: len(wave) // size * size].reshape(-1, size)
    level = 10 * np.log10((frames.astype(np.float64) ** 2).mean(axis=1) + 1e-12)
    return np.maximum(level, level.max() - 40)


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Largest correlation of two envelopes, of which the second may be up to 60 ms late."""
    size = min(len(a), len(b))
    return max(np.corrcoef(a[: size - late], b[late:size])[0, 1] for late in range(4))


def test_other_speech_does_not_agree():
    one, other = (envelope(read(name), 16000) for name in ("en_gb_male", "en_us_female"))
    assert agreement(one, one) == 1
    assert agreement(one, other) < 0.5


@pytest.mark.parametrize("spec", RATES)
def test_what_comes_back_is_the_speech_at_the_rate_asked_for(spec):
    codec = make(spec)
    assert codec.name == spec and codec.version
    wave = read("en_gb_male")
    data = codec.encode(wave, 16000)
    decoded = codec.decode(data)
    assert decoded.dtype == np.float32 and decoded.ndim == 1
    assert abs(len(decoded) / codec.sample_rate - len(wave) / 16000) < 0.05
    assert agreement(envelope(wave, 16000), envelope(decoded, codec.sample_rate)) > 0.8
    nominal, tolerance = RATES[spec]
    bits = codec.payload_bits(data)
    assert bits / (len(wave) / 16000) == pytest.approx(nominal, rel=tolerance)
    assert bits < 8 * len(data)
    again = codec.encode(wave, 16000)
    # Speex numbers its stream by the clock.
    assert again == data or (spec.startswith("speex") and codec.payload_bits(again) == bits)
    np.testing.assert_array_equal(codec.decode(again), decoded)


@pytest.mark.parametrize("name", ["cmn_female", "en_scots_male_fast"])
def test_opus_keeps_its_rate(name):
    codec = make("opus:6")
    wave = read(name)
    bits = codec.payload_bits(codec.encode(wave, 16000))
    assert bits / (len(wave) / 16000) == pytest.approx(6000, rel=0.15)


@pytest.mark.parametrize(("mode", "frame", "bits"), [("1200", 320, 48), ("1300", 320, 52)])
@pytest.mark.parametrize("samples", [1, 640, 641, 16000])
def test_codec2_takes_every_sample_and_counts_every_bit(mode, frame, bits, samples, speech):
    codec = make(f"codec2:{mode}")
    data = codec.encode(speech(samples), 16000)
    frames = -(-samples // 2 // frame)  # at 8 kHz
    assert codec.payload_bits(data) == frames * bits
    assert len(codec.decode(data)) == frames * frame


def test_speech_at_another_rate_is_resampled():
    codec = make("opus:12")
    wave, rate = audio.read(EXAMPLES / "en_rp_female_22k.flac")
    assert rate == 22050
    decoded = codec.decode(codec.encode(wave, rate))
    assert len(decoded) == pytest.approx(len(wave) * 16000 / rate, abs=1)
    assert agreement(envelope(read("en_rp_female_22k"), 16000), envelope(decoded, 16000)) > 0.95


@pytest.mark.parametrize("spec", ["opus:6", "codec2:1200", "speex:4", "mp3:16"])
def test_a_codec_goes_to_another_process(spec):
    codec = make(spec)
    copy = pickle.loads(pickle.dumps(codec))
    wave = read("cmn_male")[:16000]
    assert copy.payload_bits(copy.encode(wave, 16000)) == codec.payload_bits(
        codec.encode(wave, 16000)
    )


@pytest.mark.parametrize("spec", ["opus:6", "codec2:1200", "speex:4", "mp3:16"])
def test_what_is_no_file_of_the_codec_is_refused(spec):
    codec = make(spec)
    data = codec.encode(read("cmn_male")[:16000], 16000)
    for bad in (b"", b"x" * 100, data[:-1]):
        with pytest.raises(ValueError, match="cut short|no page|no frame|not a whole"):
            codec.payload_bits(bad)
    with pytest.raises(OSError, match="^[a-z0-9]+ (failed: .+|wrote nothing)$"):
        codec.decode(b"" if spec.startswith("codec2") else b"x" * 100)


@pytest.mark.parametrize("spec", ["opus:6", "codec2:1200", "speex:4", "mp3:16"])
def test_a_missing_program_is_named_with_its_package(spec, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    package, program, *_ = PACKAGES[spec.partition(":")[0]]
    with pytest.raises(ValueError, match=f"^{spec}: needs {program}.* Debian package {package}$"):
        codecs.parse(spec)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo first >&2; echo ' no space left ' >&2; exit 3", "^c2enc failed: no space left$"),
        ("exit 3", "^c2enc failed: exit status 3$"),
        ("exit 0", "^c2enc wrote nothing$"),
        (": > speech.c2", "^c2enc wrote nothing$"),
    ],
)
def test_a_program_that_fails_is_told_in_one_line(script, message, tmp_path, monkeypatch):
    for name in ("c2enc", "c2dec"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    codec = codecs.parse("codec2:1200")
    with pytest.raises(OSError, match=message):
        codec.encode(np.zeros(1600, np.float32), 16000)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "no codec ''. Codecs: audiotok,"),
        ("opsu:6", "no codec 'opsu:6', did you mean opus[?] Codecs: "),
        ("vorbis:32", "no codec 'vorbis:32'. Codecs: "),
        ("opus", "^opus: Opus takes 6 to 256 kbit/s"),
        ("opus:5.9", "takes 6 to 256"),
        ("opus:nan", "takes 6 to 256"),
        ("opus:six", "takes 6 to 256"),
        ("codec2:2.4", "^codec2:2.4: codec2 has 3200, 2400,"),
        ("speex:5", "^speex:5: speex has 2.4, 4, 6, 8, 10,"),
        ("mp3:17", "^mp3:17: mp3 has 8, 16, 24,"),
        ("mp3:", "mp3 has 8, 16"),
        ("pcm:16", "pcm takes no argument"),
        ("audiotok:nothing-80hz", "no model 'nothing-80hz'"),
    ],
)
def test_a_bad_spec_is_told_in_one_line(spec, message):
    with pytest.raises((ValueError, OSError), match=message) as caught:
        codecs.parse(spec)
    assert "\n" not in str(caught.value)


def test_pcm_returns_what_it_was_given(speech):
    codec = codecs.parse("pcm")
    wave = np.round(speech(5000) * 32768).astype(np.float32) / 32768
    data = codec.encode(wave, 16000)
    np.testing.assert_array_equal(codec.decode(data), wave)
    assert codec.payload_bits(data) == 8 * len(data) == 16 * 5000


def test_ours_is_the_tokenizer_and_its_token_file(tiny, tmp_path, speech):
    config, params = tiny
    model_id = pretrained.save(tmp_path / "model", params, config)
    codec = codecs.parse(f"audiotok:{tmp_path / 'model'}")
    assert (codec.version, codec.sample_rate) == (model_id, 16000)
    released = AudioTokenizer.from_pretrained(tmp_path / "model")
    wave = speech(5001)
    data = codec.encode(wave, 16000)
    tokens = released.encode(wave, 16000)
    assert codec.payload_bits(data) == 16 * len(tokens) == 16 * 26
    assert len(data) == 46 + 2 * 26
    np.testing.assert_array_equal(codec.decode(data), released.decode(tokens, 5001))
    pretrained.save(tmp_path / "other", jax.tree.map(lambda x: 2 * x, params), config)
    with pytest.raises(OtherModelError, match="made by model"):
        codecs.parse(f"audiotok:{tmp_path / 'other'}").decode(data)


def test_the_default_is_the_released_model():
    assert codecs.parse("audiotok").version == pretrained.load().model_id
    assert codecs.parse(f"audiotok:{pretrained.DEFAULT}").version == pretrained.load().model_id


def make_pages(packets: list[bytes], sizes: list[int], serial: int = 7) -> list[bytes]:
    """Cuts packets into Ogg pages of so many segments each (RFC 3533), round and round."""
    segments = []  # of up to 255 bytes, the last of a packet shorter
    for packet in packets:
        segments += [packet[i : i + 255] for i in range(0, len(packet) + 1, 255)]
    pages: list[bytes] = []
    continued = 0
    while segments:
        room = sizes[len(pages) % len(sizes)]
        here, segments = segments[:room], segments[room:]
        flags = continued | 2 * (not pages) | 4 * (not segments)
        head = (b"OggS", 0, flags, 0, serial, len(pages), 0, len(here))
        lacing = bytes(map(len, here))
        pages.append(struct.pack("<4sBBqIIIB", *head) + lacing + b"".join(here))
        continued = int(len(here[-1]) == 255)
    return pages


@given(
    st.lists(st.integers(0, 800), min_size=1, max_size=20),
    st.lists(st.integers(1, 255), min_size=1, max_size=5),
    st.data(),
)
def test_ogg_packets_are_those_that_were_put_in(lengths, sizes, data):
    packets = [bytes([i % 251]) * length for i, length in enumerate(lengths)]
    pages = make_pages(packets, sizes)
    whole = b"".join(pages)
    assert ogg.packets(whole) == packets
    with pytest.raises(ValueError, match="Ogg: "):
        ogg.packets(whole[: data.draw(st.integers(0, len(whole) - 1))])
    lost = data.draw(st.integers(0, len(pages) - 1))
    with pytest.raises(ValueError, match="Ogg: "):
        ogg.packets(b"".join(pages[:lost] + pages[lost + 1 :]))


def test_ogg_of_255_bytes_ends_with_an_empty_segment():
    (page,) = make_pages([b"a" * 255, b"", b"b" * 510], [255])
    assert page[26:32] == bytes([6 - 0, 255, 0, 0, 255, 255])
    assert list(map(len, ogg.packets(page))) == [255, 0, 510]


def test_ogg_of_two_streams_is_refused():
    first = make_pages([b"a", b"b"], [1])
    second = make_pages([b"c", b"d"], [1], serial=8)
    with pytest.raises(ValueError, match="or there are two"):
        ogg.packets(first[0] + second[1])
    with pytest.raises(ValueError, match="no page at byte 29"):
        ogg.packets(first[0] + b"x" * 29)


def make_frame(kbps: int, padding: int = 0, tag: bytes = b"") -> bytes:
    header = bytes([0xFF, 0xF3, (mp3.KBPS.index(kbps) + 1) << 4 | 2 << 2 | padding << 1, 0xC0])
    return (header + bytes(9) + tag).ljust(72 * kbps * 1000 // 16000 + padding, b"\0")


def test_mp3_frames_count_and_the_tag_does_not():
    frames = [make_frame(16), make_frame(16, padding=1), make_frame(8)]
    assert mp3.payload_bits(b"".join(frames)) == 8 * (72 + 73 + 36)
    for tag in (b"Info", b"Xing"):
        assert mp3.payload_bits(make_frame(16, tag=tag) + frames[0]) == 8 * 72
    for bad in (frames[0][:-1], frames[0] + b"TAG", b"ID3" + bytes(7) + frames[0]):
        with pytest.raises(ValueError, match="MP3: "):
            mp3.payload_bits(bad)


# The models of others: tiny ones of the right class, whose codes vary.


def build_encodec(t, wave):
    config = t.EncodecConfig(
        hidden_size=8,
        num_filters=2,
        num_lstm_layers=1,
        codebook_size=16,
        target_bandwidths=[0.6, 1.2],
    )
    model = t.EncodecModel(config).eval()
    frames = model.encoder(wave)[0].T
    for layer in model.quantizer.layers:  # without them all codes are 0
        layer.codebook.embed.copy_(frames[:: len(frames) // 16][:16])
        frames = frames.flip(0) - frames
    return model


def build_dac(t, wave):
    config = t.DacConfig(
        encoder_hidden_size=2,
        decoder_hidden_size=32,
        downsampling_ratios=[2, 4, 5, 8],
        n_codebooks=3,
        codebook_size=32,
        codebook_dim=4,
    )
    return t.DacModel(config)


def build_mimi(t, wave):
    config = t.MimiConfig(
        hidden_size=16,
        num_filters=2,
        codebook_size=32,
        codebook_dim=8,
        num_quantizers=4,
        vector_quantization_hidden_dimension=8,
        upsample_groups=16,
        num_hidden_layers=1,
        intermediate_size=16,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
    )
    model = t.MimiModel(config)
    for name, value in model.named_buffers():  # they are 0
        if name.endswith("embed_sum"):
            value.normal_()
        if name.endswith("cluster_usage"):
            value.fill_(1)
    return model


def build_xcodec2(t, wave):
    semantic = t.Wav2Vec2BertConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        output_hidden_size=32,
    )
    config = t.Xcodec2Config(
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
        encoder_hidden_size=2,
        quantization_dim=64,
        quantization_levels=[4] * 4,
        semantic_model_config=semantic,
    )
    model = t.Xcodec2Model(config)
    model.quantizer.project_in.weight.mul_(3000)
    model.acoustic_decoder.head.linear.bias.normal_()  # phases; at 0 it is silent
    return model


# The argument, its codebooks, the bits of a code, and the frames of a second.
PEERS = {
    "encodec": (build_encodec, ":1.2", 4, 4, 75),
    "dac": (build_dac, ":2", 2, 5, 50),
    "mimi": (build_mimi, ":3", 3, 5, 12.5),
    "xcodec2": (build_xcodec2, "", 1, 8, 50),
}


@pytest.fixture(scope="module")
def transformers():
    pytest.importorskip("torch", reason="needs the extra `peers`")
    return pytest.importorskip("transformers", reason="needs the extra `peers`")


@pytest.fixture(scope="module")
def saved(transformers, tmp_path_factory):
    """Saves a tiny model of a kind and gives its folder."""
    import torch

    made: dict[str, Path] = {}

    def save(kind: str) -> Path:
        if kind == "xcodec2":
            try:
                import torchaudio  # noqa: F401
            except (ImportError, OSError) as error:  # OSError: built for another torch
                pytest.skip(f"X-Codec2 needs torchaudio: {error}")
        if kind not in made:
            torch.manual_seed(0)
            wave = torch.from_numpy(read("cmn_male")[None, None, :24000])
            with torch.no_grad():
                model = PEERS[kind][0](transformers, wave)
            made[kind] = tmp_path_factory.mktemp(kind)
            model.save_pretrained(made[kind])
            if kind == "xcodec2":
                transformers.Xcodec2FeatureExtractor().save_pretrained(made[kind])
        return made[kind]

    return save


@pytest.fixture
def empty_cache(transformers, tmp_path, monkeypatch):
    """An empty cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.mark.parametrize(
    ("kind", "settings", "bits"),
    [
        ("encodec", {"num_filters": 2, "hidden_size": 8, "num_lstm_layers": 1}, 8 * 75 * 10),
        ("mimi", {"num_filters": 2, "num_hidden_layers": 1}, 8 * 12.5 * 11),
    ],
)
def test_a_peer_is_timed_with_random_weights(kind, settings, bits, transformers, monkeypatch):
    peer_class, size, _ = bench.PEERS[kind]
    monkeypatch.setitem(bench.PEERS, kind, (peer_class, size, settings))
    encode, decode = bench.of_peer(kind, 2)
    assert {encode.codec, decode.codec} == {f"{kind}:{size}"}
    assert len(encode.run()) == 8 + 2 * bits / 8
    assert decode.run().shape == (2 * 24000,)


@pytest.mark.parametrize("kind", PEERS)
def test_a_peer_gives_what_its_model_gives(kind, saved, transformers):
    import torch

    _, argument, books, bits, frame_rate = PEERS[kind]
    folder = saved(kind)
    spec = f"{kind}{argument}@{folder}"
    codec = codecs.parse(spec)
    assert codec.name == spec
    rate = codec.sample_rate
    # Two seconds and a bit, at the rate of the model: nothing is resampled.
    wave = audio.read(EXAMPLES / "cmn_male.flac", rate)[0][: 2 * rate + 100]
    data = codec.encode(wave, rate)
    frames = codec.payload_bits(data) / (books * bits)
    assert abs(frames - len(wave) / rate * frame_rate) <= 1
    assert len(data) == 8 + -(-codec.payload_bits(data) // 8)
    decoded = codec.decode(data)
    assert decoded.dtype == np.float32 and abs(len(decoded) - len(wave)) < 0.01 * rate
    # The same by the forward pass of the model.
    model = getattr(transformers, codec.model_class).from_pretrained(folder).eval()
    whole = torch.from_numpy(np.pad(wave, (0, -len(wave) % 320 if kind == "dac" else 0)))
    extra = {
        "encodec": {"bandwidth": 1.2},
        "dac": {"n_quantizers": 2},
        "mimi": {"num_quantizers": 3},
        "xcodec2": {},
    }[kind]
    inputs = {"input_values": whole[None, None]}
    if kind == "xcodec2":
        extractor = transformers.Xcodec2FeatureExtractor()
        inputs = extractor(audio=wave, sampling_rate=rate, return_tensors="pt")
    with torch.inference_mode():
        found = model(**inputs, **extra)
    codes = found.audio_codes.numpy().reshape(books, -1)
    assert min(len(np.unique(book)) for book in codes) > 1
    assert codes.shape[1] == frames
    expected = found.audio_values.numpy().reshape(-1)[: len(decoded)]
    np.testing.assert_allclose(decoded, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    with pytest.raises(ValueError):
        codec.decode(data[:-1])
    with pytest.raises(ValueError, match="cut short"):
        codec.payload_bits(data[:7])


@pytest.mark.parametrize("kind", ["encodec", "dac", "mimi"])
def test_a_peer_without_weights_is_refused(kind, empty_cache, tmp_path):
    spec = kind + PEERS[kind][1]
    with pytest.raises(ValueError, match=f"^{spec}: no weights here; run `hf download .*@FOLDER$"):
        codecs.parse(spec)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"no \*.safetensors in .*; run `hf download"):
        codecs.parse(f"{spec}@{tmp_path}")


def test_weights_are_found_in_the_cache_of_the_hub(saved, empty_cache):
    folder = saved("mimi")
    repository = empty_cache / "models--kyutai--mimi"
    shutil.copytree(folder, repository / "snapshots" / ("0" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    assert codecs.parse("mimi:3").version == codecs.parse(f"mimi:3@{folder}").version


def test_weights_that_are_not_whole_are_refused(saved, tmp_path):
    from safetensors.numpy import load_file, save_file

    shutil.copytree(saved("mimi"), tmp_path, dirs_exist_ok=True)
    weights = load_file(tmp_path / "model.safetensors")
    lost = next(name for name in weights if "decoder" in name and name.endswith("weight"))
    del weights[lost]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    codec = codecs.parse(f"mimi:3@{tmp_path}")
    with pytest.raises(ValueError, match="1 weights are missing"):
        codec.encode(read("cmn_male")[:16000], 16000)
    assert codec.version != codecs.parse(f"mimi:3@{saved('mimi')}").version


def test_a_folder_of_another_model_is_refused(saved):
    with pytest.raises(ValueError, match="holds mimi instead"):
        codecs.parse(f"dac:2@{saved('mimi')}")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("encodec:2", "encodec has 0.6, 1.2 kbit/s"),
        ("dac:4", "dac takes 1 to 3 codebooks"),
        ("dac:0", "dac takes 1 to 3 codebooks"),
        ("dac", "dac takes 1 to 3 codebooks"),
        ("mimi:two", "mimi takes 1 to 4 codebooks"),
        ("xcodec2:2", "takes no argument"),
    ],
)
def test_what_a_peer_cannot_do_is_told(spec, message, saved):
    with pytest.raises(ValueError, match=message):
        codecs.parse(f"{spec}@{saved(spec.partition(':')[0])}")


@pytest.mark.parametrize("kind", PEERS)
def test_a_missing_library_is_named(kind, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=f"^{kind}: needs transformers and torch.*peers"):
        codecs.parse(kind)
