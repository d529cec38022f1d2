"""Losses between decoded speech and its reference, one file each; a recipe contains them as values.

They are differentiable approximations of perception; reported metrics are measured with the
libraries of `audiotok_jax.evaluate`.
"""
