"""`AudioTokenizer`: the same bits however a clip comes in, in constant memory, compiled once."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import tracemalloc

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiotok_jax import AudioError, AudioTokenizer, parallel, pmap
from audiotok_jax import tokenizer as module
from audiotok_jax.codec import model
from audiotok_jax.tokenizer import STREAM_FRAMES, WINDOW

HOP = 200  # of the tiny codec, as its 16 kHz and 16 bits
SIZE = WINDOW * HOP

FLYING = max(2, min(parallel.cores(), module.CORES))
"""Batches that are computed at the same time, at most."""


@pytest.fixture(scope="session")
def build(tiny):
    """Tokenizers by windows_per_batch and number of devices."""
    config, params = tiny

    @functools.cache
    def build(windows_per_batch: int, devices: int) -> AudioTokenizer:
        chosen = jax.devices()[:devices]
        return AudioTokenizer(params, config, windows_per_batch=windows_per_batch, devices=chosen)

    return build


def split(array: np.ndarray, seed: int) -> list[np.ndarray]:
    """Cuts an array into chunks of any lengths, some of them empty."""
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.integers(0, len(array) + 1, rng.integers(0, 12)))
    return np.split(array, cuts)


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


VARIANTS = st.sampled_from([(1, 1), (2, 1), (3, 1), (5, 1), (1, 8), (2, 8)])
SAMPLES = st.one_of(
    st.sampled_from([1, HOP - 1, HOP, HOP + 1, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE]),
    st.integers(1, 3 * SIZE),
)


@settings(max_examples=60)
@given(
    lengths=st.lists(SAMPLES, min_size=1, max_size=4),
    rate=st.sampled_from([16000, 16000, 8000, 44100]),
    variant=VARIANTS,
    seed=st.integers(0, 2**32 - 1),
)
def test_tokens_do_not_depend_on_how_a_clip_comes_in(
    build, tokenizer, speech, lengths, rate, variant, seed
):
    clips = [speech(length, seed + i) for i, length in enumerate(lengths)]
    alone = [tokenizer.encode(clip, rate) for clip in clips]
    for clip, tokens in zip(clips, alone, strict=True):
        samples = -(-len(clip) * 16000 // rate)
        assert (tokens.dtype, tokens.shape) == (np.uint16, (-(-samples // HOP),))
    other = build(*variant)
    order = np.random.default_rng(seed).permutation(len(clips))
    for i, tokens in zip(order, other.encode_batch([clips[i] for i in order], rate), strict=True):
        assert_same(tokens, alone[i])
    streams = [other.encode_stream(parts, rate) for parts in (clips[:1], split(clips[0], seed))]
    whole, streamed = (np.concatenate(list(pieces)) for pieces in streams)
    assert_same(streamed, whole)
    assert streamed.shape == alone[0].shape


@given(
    lengths=st.lists(
        st.one_of(st.sampled_from([1, WINDOW, WINDOW + 1]), st.integers(1, 3 * WINDOW)),
        min_size=1,
        max_size=4,
    ),
    variant=VARIANTS,
    seed=st.integers(0, 2**32 - 1),
)
def test_speech_does_not_depend_on_how_the_tokens_come_in(build, tokenizer, lengths, variant, seed):
    rng = np.random.default_rng(seed)
    clips = [rng.integers(0, 65536, length).astype(np.uint16) for length in lengths]
    alone = [tokenizer.decode(clip) for clip in clips]
    for clip, wave in zip(clips, alone, strict=True):
        assert (wave.dtype, wave.shape) == (np.float32, (len(clip) * HOP,))
        assert np.isfinite(wave).all()
    other = build(*variant)
    order = rng.permutation(len(clips))
    for i, wave in zip(order, other.decode_batch([clips[i] for i in order]), strict=True):
        assert_same(wave, alone[i])
    streams = [other.decode_stream(parts) for parts in (clips[:1], split(clips[0], seed))]
    whole, streamed = (np.concatenate(list(pieces)) for pieces in streams)
    assert_same(streamed, whole)


@pytest.mark.parametrize("window", [8, 37])
def test_windows_of_any_length_give_the_same(tiny, tokenizer, speech, window):
    config, params = tiny
    wave = speech(3 * 16000)
    tokens = tokenizer.encode(wave, 16000)
    other = AudioTokenizer(params, config, devices=jax.devices()[:1], window=window)
    assert_same(other.encode(wave, 16000), tokens)
    np.testing.assert_allclose(other.decode(tokens), tokenizer.decode(tokens), atol=1e-4)


@pytest.mark.parametrize("frames", [1, STREAM_FRAMES])
def test_streams_give_what_clips_do(tokenizer, speech, frames):
    wave = speech(16000 + 7)
    tokens = tokenizer.encode(wave, 16000)
    encoded = [*tokenizer.encode_stream(split(wave, 0), 16000, frames)]
    assert [len(piece) for piece in encoded[1:-1]] == [frames] * (len(encoded) - 2)
    assert_same(np.concatenate(encoded), tokens)
    decoded = np.concatenate([*tokenizer.decode_stream(split(tokens, 0), frames)])
    # Not of drawn tokens: where two pitches are equally likely, rounding chooses.
    np.testing.assert_allclose(decoded, tokenizer.decode(tokens), atol=1e-4)


@pytest.mark.parametrize("number", [0, -16])
def test_windows_and_steps_have_a_length(tiny, tokenizer, number):
    with pytest.raises(ValueError, match="window must be at least 1, not"):
        AudioTokenizer(*tiny[::-1], window=number)
    with pytest.raises(ValueError, match="frames must be at least 1, not"):
        next(tokenizer.encode_stream([np.ones(9)], 16000, number))
    with pytest.raises(ValueError, match="frames must be at least 1, not"):
        next(tokenizer.decode_stream([[1]], number))


def test_the_test_signals_say_something(tokenizer, speech):
    a, b = (tokenizer.encode(speech(5 * 16000, seed), 16000) for seed in (0, 1))
    assert len(np.unique(a)) > 200
    assert np.mean(a == b) < 0.1
    wave = tokenizer.decode(a)
    assert np.std(wave) > 0.05
    assert np.max(np.abs(wave - tokenizer.decode(b))) > 0.05


def test_tokens_depend_on_their_surroundings_alone(tokenizer, speech):
    """Two files that share a stretch on the same grid share its tokens, but for the halo."""
    a, b = speech(2 * SIZE, 0), speech(2 * SIZE, 1)
    b[SIZE // 2 :] = a[SIZE // 2 :]
    halo = -(-tokenizer.config.encoder_halo[0] // HOP)
    same = tokenizer.encode(a, 16000) == tokenizer.encode(b, 16000)
    assert same[WINDOW // 2 + halo :].all()
    assert not same[: WINDOW // 2].all()


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int16])
def test_dtypes_of_audio(tokenizer, speech, dtype):
    wave = np.round(speech(9000) * 64) / 64  # a number in each of the dtypes
    given = wave * 32768 if dtype == np.int16 else wave
    assert_same(tokenizer.encode(given.astype(dtype), 16000), tokenizer.encode(wave, 16000))


def test_channels_are_mixed_down(tokenizer, speech):
    left, right = speech(9000, 0), speech(9000, 1)
    stereo = np.stack([left, right], axis=1)
    assert_same(tokenizer.encode(stereo, 16000), tokenizer.encode((left + right) / 2, 16000))
    assert_same(
        np.concatenate(list(tokenizer.encode_stream(split(stereo, 0), 16000))),
        tokenizer.encode(stereo, 16000),
    )


def test_any_container_of_tokens(tokenizer):
    expected = tokenizer.decode(np.array([1, 65535, 7], np.uint16))
    assert_same(tokenizer.decode([1, 65535, 7]), expected)
    assert_same(tokenizer.decode(np.array([1, 65535, 7], np.int64)), expected)
    assert_same(tokenizer.decode(jax.numpy.array([1, 65535, 7])), expected)


def test_num_samples_cuts_the_end_off(tokenizer):
    whole = tokenizer.decode([1, 2, 3])
    assert_same(tokenizer.decode([1, 2, 3], 401), whole[:401])
    assert_same(tokenizer.decode([1, 2, 3], 600), whole)


def test_what_a_tokenizer_says_of_itself(tokenizer, tiny):
    assert tokenizer.config == tiny[0]
    assert (tokenizer.sample_rate, tokenizer.hop_length) == (16000, 200)
    assert (tokenizer.bits, tokenizer.codebook_size) == (16, 65536)
    assert (tokenizer.frame_rate, tokenizer.bitrate) == (80.0, 1280.0)
    assert len(bytes.fromhex(tokenizer.model_id)) == 8


def test_no_clips(tokenizer):
    assert tokenizer.encode_batch([], 16000) == []
    assert tokenizer.decode_batch([]) == []


def test_clips_of_many_rates_in_order(tokenizer, speech):
    waves = [speech(n, n) for n in (100, 2 * SIZE, 7, SIZE)]
    rates = [16000, 48000, 16000, 8000]
    clips = ((split(wave, 1), rate) for wave, rate in zip(waves, rates, strict=True))
    pieces = list(tokenizer.encode_clips(clips))
    assert [clip for clip, _ in pieces] == sorted(clip for clip, _ in pieces)
    for i, (wave, rate) in enumerate(zip(waves, rates, strict=True)):
        tokens = np.concatenate([piece for clip, piece in pieces if clip == i])
        assert_same(tokens, tokenizer.encode(wave, rate))


BAD_AUDIO = [
    (np.zeros(0, np.float32), 16000, "empty"),
    (np.zeros((0, 2), np.float32), 16000, "empty"),
    (np.array([0, np.nan, 0]), 16000, "NaN"),
    (np.array([0, np.inf, 0]), 16000, "infinity"),
    (np.zeros(9, np.int32), 16000, "int32"),
    (np.zeros((9, 1, 1)), 16000, "shape"),
    (np.zeros((2, 16000)), 16000, "channels"),
    (["speech"], 16000, "samples must be"),
    ([[0.0], [0.0, 1.0]], 16000, "samples must form an array"),
    (np.zeros(9), 16000.5, "must be an integer"),
    (np.zeros(9), "16000", "must be an integer"),
    (np.zeros(9), 0, "must lie in"),
]


@pytest.mark.parametrize("audio, rate, message", BAD_AUDIO)
def test_bad_audio(tokenizer, audio, rate, message):
    for call in (
        lambda: tokenizer.encode(audio, rate),
        lambda: tokenizer.encode_batch([np.zeros(9), audio], rate),
        lambda: list(tokenizer.encode_stream([audio], rate)),
        lambda: list(tokenizer.encode_clips([([np.zeros(9)], 16000), ([audio], rate)])),
    ):
        with pytest.raises(AudioError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


BAD_TOKENS = [
    ([], "empty"),
    (np.zeros(0, np.uint16), "empty"),
    ([1.0, 2.0], "integers, not float64"),
    ([True, False], "integers, not bool"),
    (["a"], "integers"),
    ([2**70], "integers, not object"),
    ([[1, 2], [3, 4]], r"shape \(T,\) or \(1, T\), not \(2, 2\)"),
    ([[1], [1, 2]], r"shape \(T,\)"),
    (7, r"shape \(T,\) or \(1, T\), not \(\)"),
    ([0, -1], r"0..65535, not -1..0"),
    ([65536, 1], r"0..65535, not 1..65536"),
]


@pytest.mark.parametrize("tokens, message", BAD_TOKENS)
def test_bad_tokens(tokenizer, tokens, message):
    for call in (
        lambda: tokenizer.decode(tokens),
        lambda: tokenizer.decode_batch([[1], tokens]),
        lambda: list(tokenizer.decode_stream([tokens])),
        lambda: list(tokenizer.decode_clips([[[1]], [tokens]])),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("num_samples", [0, -1, 601])
def test_bad_num_samples(tokenizer, num_samples):
    with pytest.raises(ValueError, match=r"num_samples must lie in 1\.\.600"):
        tokenizer.decode([1, 2, 3], num_samples)


def test_streams_without_chunks(tokenizer):
    with pytest.raises(AudioError, match="empty"):
        list(tokenizer.encode_stream([], 16000))
    with pytest.raises(ValueError, match="empty"):
        list(tokenizer.decode_stream([]))


@pytest.mark.parametrize(
    "options", [{"windows_per_batch": 0}, {"devices": []}, {"devices": jax.devices()[:1] * 2}]
)
def test_bad_options(tiny, options):
    config, params = tiny
    with pytest.raises(ValueError, match="at least"):
        AudioTokenizer(params, config, **options)


def test_an_error_of_the_iterator_comes_through(tokenizer, speech):
    def broken():
        yield speech(SIZE)
        raise OSError("the disk is gone")

    for stream in (
        tokenizer.encode_stream(broken(), 16000),
        tokenizer.encode_clips([(broken(), 16000)]),
    ):
        with pytest.raises(OSError, match="the disk is gone"):
            list(stream)


def test_closing_a_stream_early_closes_what_it_reads(tokenizer, speech):
    open_ = set()

    def endless(name, chunk):
        open_.add(name)
        try:
            while True:
                yield chunk
        finally:
            open_.remove(name)

    wave, tokens = speech(SIZE), np.ones(WINDOW, np.uint16)
    for name, stream in {
        "encode_stream": lambda name: tokenizer.encode_stream(endless(name, wave), 16000),
        "encode_clips": lambda name: tokenizer.encode_clips([(endless(name, wave), 16000)]),
        "decode_stream": lambda name: tokenizer.decode_stream(endless(name, tokens)),
        "decode_clips": lambda name: tokenizer.decode_clips([endless(name, tokens)]),
    }.items():
        running = stream(name)
        next(running)
        assert open_ == {name}
        running.close()
        assert not open_


def test_a_stream_gives_tokens_as_soon_as_their_halo_is_there(tokenizer, speech):
    taken = 0

    def chunks():
        nonlocal taken
        for chunk in np.split(speech(3 * SIZE), 3 * SIZE // 100):
            taken += 100
            yield chunk

    done = 0
    for tokens in itertools.islice(tokenizer.encode_stream(chunks(), 16000, 1), 9):
        done += len(tokens)
        needed = done * HOP + tokenizer.config.encoder_halo[1]
        assert needed <= taken < needed + 100


def test_a_stream_gives_speech_as_soon_as_its_halo_is_there(tokenizer):
    taken = 0

    def chunks():
        nonlocal taken
        while True:
            taken += 1
            yield [taken]

    done = 0
    for wave in itertools.islice(tokenizer.decode_stream(chunks(), 1), 9):
        done += len(wave) // HOP
        assert taken == done + tokenizer.config.decoder_halo[1]


def test_clips_are_read_as_their_turn_comes(build, speech):
    wave, started = speech(1000), 0

    def clips():
        nonlocal started
        for _ in range(100):
            started += 1
            yield [wave], 16000

    seen = 0
    for seen, _ in build(3, 1).encode_clips(clips()):
        assert started <= seen + FLYING * 3
    assert seen == 99


@pytest.fixture
def traces():
    """Names of the functions that jax has traced since the start of the test."""
    found: list[str] = []

    def listen(event: str, seconds: float, **about: str) -> None:
        if event == "/jax/core/compile/jaxpr_trace_duration":
            found.append(about.get("fun_name", ""))

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield found
    jax.monitoring.unregister_event_duration_listener(listen)


def test_nothing_is_compiled_after_the_first_window(tiny, speech, traces):
    # A config of its own, which no other test has compiled.
    config = dataclasses.replace(tiny[0], pitch_bins=200)
    params = model.init(jax.random.key(0), config)
    tokenizer = AudioTokenizer(params, config, windows_per_batch=2)
    tokenizer.decode(tokenizer.encode(speech(1), 16000))
    list(tokenizer.decode_stream(tokenizer.encode_stream([speech(1)], 16000)))
    for name in (
        "_encode_windows",
        "_prepare_windows",
        "_render_windows",
        "encode_step",
        "decode_step",
    ):
        assert sum(trace == name for trace in traces) == 1
    traces.clear()
    for samples, rate in ((HOP, 16000), (4 * SIZE + 3, 16000), (SIZE, 48000)):
        wave = speech(samples)
        tokens = tokenizer.encode(wave, rate)
        tokenizer.decode(tokens)
        list(tokenizer.encode_stream(split(wave, 0), rate))
        list(tokenizer.decode_stream(split(tokens, 1)))
    batch = [speech(n) for n in (3, SIZE, 5 * SIZE)]
    tokenizer.decode_batch(tokenizer.encode_batch(batch, 16000))
    # Nor by another tokenizer of the same shape.
    AudioTokenizer(params, config, windows_per_batch=2).encode(batch[1], 16000)
    assert not traces


@pytest.mark.parametrize("minutes", [20, pytest.param(120, marks=pytest.mark.slow)])
def test_clips_and_streams_take_constant_memory(tokenizer, speech, minutes):
    wave = speech(SIZE)
    one = tokenizer.encode(wave, 16000)
    tokenizer.decode(one)
    most = len(jax.live_arrays()) + 10 * FLYING
    count = minutes * 60 * 16000 // SIZE
    tokens = samples = 0
    short = count // 10  # by steps, which take longer
    coded = tokenizer.encode_stream(itertools.repeat(wave, short), 16000)
    tracemalloc.start()
    try:
        for _, piece in tokenizer.encode_clips([(itertools.repeat(wave, count), 16000)]):
            tokens += len(piece)
            assert len(jax.live_arrays()) < most
        for _, piece in tokenizer.decode_clips([itertools.repeat(one, count)]):
            samples += len(piece)
            assert len(jax.live_arrays()) < most
        assert sum(map(len, tokenizer.decode_stream(coded))) == short * SIZE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert tokens * HOP == samples == count * SIZE
    # A few windows of 0.2 MB; 20 minutes of samples are 77 MB, and of tokens 0.2 MB.
    assert peak < 2e6 * FLYING


def test_matrix_products_are_of_full_precision(tiny):
    """Accelerators round the factors of float32 products unless told otherwise."""
    config, params = tiny
    mesh = parallel.make_mesh(jax.devices()[:1])
    wave = np.zeros((1, SIZE + sum(config.encoder_halo)), np.float32)
    tokens = np.zeros((1, WINDOW + sum(config.decoder_halo)), np.int32)
    for function, rows in ((module._encode_windows, wave), (module._prepare_windows, tokens)):
        text = function.trace(params, rows, config, mesh).lower().as_text()
        products = [line for line in text.splitlines() if "dot_general" in line]
        assert products
        assert all("precision = [HIGHEST, HIGHEST]" in line for line in products)


def test_pmap_gives_the_same_tokens(tiny, speech):
    config, params = tiny
    mesh = parallel.make_mesh()
    assert mesh.devices.size == 8
    waves = speech(16 * (SIZE + sum(config.encoder_halo))).reshape(16, -1)

    def encode(params, waves):
        return model.encode_window(params, config, waves)

    function = module._on_each_device(encode, mesh)
    twin = pmap.over_devices_pmap(function, mesh)(params, waves)
    shared, rows = parallel.replicate(params, mesh), parallel.shard(waves, mesh)
    assert len(rows.sharding.device_set) == 8
    tokens = module._encode_windows(shared, rows, config, mesh)
    assert len(tokens.sharding.device_set) == 8
    np.testing.assert_array_equal(twin, tokens)
    assert len(np.unique(tokens)) > 1000
