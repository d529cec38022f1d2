"""Training data: sources of audio, sampling, augmentation, batches."""

from audiotok_jax import extras

extras.need("train", "pyarrow")
