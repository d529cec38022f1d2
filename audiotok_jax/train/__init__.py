"""Training: losses, discriminators, state, step, loop, checkpoints."""

from audiotok_jax import extras

extras.need("train", "grain", "librosa", "matplotlib", "optax", "orbax", "pyarrow", "tensorboardX")
