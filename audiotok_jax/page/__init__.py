"""The listening page: clips, their tokens and decoded speech, for a browser."""

from audiotok_jax import extras

extras.need("page", "jinja2", "matplotlib", "PIL", "pyloudnorm")
