"""Error rates of text: languages, words or characters, edit distance."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

UNSPACED = frozenset(("zh", "yue", "ja", "th", "lo", "my", "km", "bo"))
"""Languages written without spaces between words, for which characters are counted."""

_SAME = {
    **{"cmn": "zh", "eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es"},
    **{"ita": "it", "por": "pt", "rus": "ru", "jpn": "ja", "kor": "ko", "ara": "ar", "hin": "hi"},
    **{"zho": "zh", "chi": "zh", "iw": "he", "in": "id", "nb": "no", "fil": "tl", "jv": "jw"},
}  # other codes of languages, and those of Whisper


def language_of(label: str) -> str:
    """The language code in a label such as "en", "pt-BR", "en_GB" or "en(L1 zh)", or "".

    It is in lower case, without region and script.
    """
    found = re.match(r"\s*([a-z]{2,3})(?![a-z])", label.lower())
    return _SAME.get(found[1], found[1]) if found else ""


def words(text: str, language: str) -> list[str]:
    """The words of a text, or its characters if its language is written without spaces.

    Text is normalised (NFKC), case and punctuation are removed, and apostrophes join words. Digits
    stay as they are. `language` is a code of `language_of`.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    found = "".join(map(_kept, folded)).split()
    return list("".join(found)) if language in UNSPACED else found


def distance(reference: Sequence[str], other: Sequence[str]) -> int:
    """Edit distance: insertions, deletions and substitutions."""
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.distance(reference, other)


def error_rate(reference: Sequence[str], other: Sequence[str]) -> float | None:
    """`distance` in % of the length of the reference, at most 100; None if that is empty.

    A recogniser may hallucinate hundreds of words. The bound keeps such a clip from dominating the
    mean of many.
    """
    if not reference:
        return None
    return 100 * min(distance(reference, other), len(reference)) / len(reference)


def _kept(character: str) -> str:
    if character in "'’ʼ":
        return ""
    return character if unicodedata.category(character)[0] in "LMN" else " "
