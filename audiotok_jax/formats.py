"""Suffixes and names of the formats that are read and written; imports nothing."""

AUDIO_READ = (
    *(".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".webm"),
    *(".aiff", ".aif", ".aifc", ".au", ".caf", ".w64", ".rf64", ".sph", ".amr", ".3gp", ".mka"),
)
"""Suffixes by which audio is found in folders, in lower case."""

AUDIO_WRITTEN = {
    ".wav": ("WAV", "PCM_16", None),
    ".flac": ("FLAC", "PCM_16", None),
    ".ogg": ("OGG", "VORBIS", 192_000),  # far above it libsndfile crashes instead of refusing
    ".opus": ("OGG", "OPUS", None),
    ".mp3": ("MP3", "MPEG_LAYER_III", None),
}
"""By suffix: format and subtype as libsndfile names them, and the highest rate in Hz or None."""

TOKENS = (".atok", ".npy", ".json")
"""Suffixes of token files; see `interchange.DUMPS`."""

SHARDS = {
    "parquet": (".parquet",),
    "array_record": (".array_record",),
    "flat": (".bin", ".index.parquet"),
}
"""Names of the formats of shards, modules in `corpus.formats`, and suffixes of their files."""

ROWS = {"hf": ".parquet", "jsonl": ".jsonl", "webdataset": ".tar"}
"""Names of the formats for language models, modules in `corpus.language_models`, and suffixes."""

TABLES = (".tsv", ".csv", ".parquet", ".jsonl")
"""Suffixes of tables, including those beside the audio that they describe."""

MANIFESTS = (".json", ".jsonl.gz")
"""More suffixes of tables of JSON Lines."""

CELLS = (".parquet", ".arrow")
"""Suffixes of files whose rows may hold audio."""

TAR, LIST = ".tar", ".txt"
DATASET = "tfds:"
"""In front of the name of a TFDS dataset."""

CORPUS = "plan.json"
"""The file that makes a folder a corpus of tokens."""
