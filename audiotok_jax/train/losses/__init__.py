"""Losses between decoded speech and its reference: one file each, values that a recipe holds.

They approximate what listeners hear and are differentiable; what is reported of a model is
measured by the libraries of `audiotok_jax.evaluate`.
"""
