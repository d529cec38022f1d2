"""Losses between decoded speech and its reference, one file each; `Recipe.losses` lists them.

They are differentiable approximations of perception; reported metrics are measured with the
libraries of `audiotok_jax.evaluate`.
"""
