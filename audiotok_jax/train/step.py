"""The state of a run and the step that advances it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from audiotok_jax.codec import model, quantizer
from audiotok_jax.config import CodecConfig
from audiotok_jax.train import discriminators, losses
from audiotok_jax.train.config import TrainConfig


class State(NamedTuple):
    """All that changes from step to step, but for the data iterator.

    `critic` and `critic_optimizer` are empty in stage 1; `optimizer` covers all parameters in
    stage 1 and the decoder's in stage 2.
    """

    step: Array
    params: model.Params
    ema: model.Params
    optimizer: Any
    critic: Any
    critic_optimizer: Any


def _schedule(config: TrainConfig) -> optax.Schedule:
    peak = config.learning_rate or (1e-3 if config.stage == 1 else 2e-4)
    warmup = min(config.warmup, config.steps // 2)
    return optax.warmup_cosine_decay_schedule(0.0, peak, warmup, config.steps, 0.02 * peak)


def _optimizer(config: TrainConfig) -> optax.GradientTransformation:
    b1, b2 = (0.9, 0.98) if config.stage == 1 else (0.8, 0.99)
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(_schedule(config), b1=b1, b2=b2, weight_decay=0.01),
    )


def _trained(params: model.Params, config: TrainConfig) -> model.Params:
    return params if config.stage == 1 else {"decoder": params["decoder"]}


def create(params: model.Params, codec: CodecConfig, config: TrainConfig) -> State:
    """State of step 0."""
    optimizer = _optimizer(config)
    critic: Any = {}
    if config.stage == 2:
        key = jax.random.fold_in(jax.random.key(config.seed), 1)
        critic = discriminators.Discriminators().init(key, jnp.zeros((1, codec.sample_rate // 2)))
    return State(
        step=jnp.int32(0),
        params=params,
        ema=jax.tree.map(jnp.copy, params),
        optimizer=optimizer.init(_trained(params, config)),
        critic=critic,
        critic_optimizer=optimizer.init(critic),
    )


def update(
    state: State, wave: Array, codec: CodecConfig, config: TrainConfig
) -> tuple[State, dict[str, Array]]:
    """One step; to be jitted with `codec` and `config` static and `state` donated.

    Args:
        wave: float32 (B, T * hop_length), crops.

    Returns:
        The next state and scalars of this step: `loss` and its parts, `bit_entropy` (mean over
        the bits of the entropy of their signs in the batch, in bits), `gradient_norm`.
    """
    key = jax.random.fold_in(jax.random.key(config.seed), state.step)
    start = jax.random.randint(key, (len(wave),), 0, 1 << 20)
    optimizer, dtype = _optimizer(config), jnp.dtype(config.precision)
    critic = discriminators.Discriminators(dtype)
    real = critic.apply(state.critic, wave) if config.stage == 2 else []

    def total(trained: model.Params) -> tuple[Array, tuple[losses.Forward, dict[str, Array]]]:
        passed = losses.forward(state.params | trained, codec, wave, start, dtype)
        mel, stft = losses.reconstruction(passed.wave, wave, codec.sample_rate)
        parts = {"mel": mel, "stft": stft, "pitch": passed.pitch_loss}
        loss = mel + config.stft_weight * stft + config.pitch_weight * passed.pitch_loss
        if config.stage == 1:
            sure, spread = quantizer.entropies(passed.unit)
            ramp = 1.0 + 2.0 * jnp.maximum(0.0, 1.0 - state.step / config.entropy_ramp)
            loss += config.entropy_weight * ramp * (sure - spread)
            parts |= {"entropy_of_one": sure, "entropy_of_all": spread}
        else:
            fake = critic.apply(state.critic, passed.wave)
            adversarial = discriminators.adversarial_loss(fake)
            matching = discriminators.matching_loss(jax.lax.stop_gradient(real), fake)
            loss += config.adversarial_weight * adversarial + config.matching_weight * matching
            parts |= {"adversarial": adversarial, "matching": matching}
        return loss, (passed, parts)

    trained = _trained(state.params, config)
    (loss, (passed, parts)), grads = jax.value_and_grad(total, has_aux=True)(trained)
    updates, optimizer_state = optimizer.update(grads, state.optimizer, trained)
    params = state.params | optax.apply_updates(trained, updates)
    # Early on, the average follows closely: it would else hold on to random weights.
    decay = jnp.minimum(config.ema, (1.0 + state.step) / (10.0 + state.step))
    ema = jax.tree.map(lambda old, new: old + (1 - decay) * (new - old), state.ema, params)
    critic_params, critic_optimizer = state.critic, state.critic_optimizer
    if config.stage == 2:
        fake_wave = jax.lax.stop_gradient(passed.wave)

        def judged(critic_params: Any) -> Array:
            both = critic.apply(critic_params, wave), critic.apply(critic_params, fake_wave)
            return discriminators.critic_loss(*both)

        parts["critic"], critic_grads = jax.value_and_grad(judged)(critic_params)
        updates, critic_optimizer = optimizer.update(critic_grads, critic_optimizer, critic_params)
        critic_params = optax.apply_updates(critic_params, updates)
    next_state = State(
        state.step + 1, params, ema, optimizer_state, critic_params, critic_optimizer
    )
    ones = jnp.clip(jnp.mean(passed.unit > 0, axis=(0, 1)), 1e-6, 1 - 1e-6)
    bit_entropy = -jnp.mean(ones * jnp.log2(ones) + (1 - ones) * jnp.log2(1 - ones))
    scalars = {"loss": loss} | parts
    scalars |= {"bit_entropy": bit_entropy, "gradient_norm": optax.tree.norm(grads)}
    return next_state, scalars | {"learning_rate": _schedule(config)(state.step)}


def crop_samples(codec: CodecConfig, config: TrainConfig) -> int:
    """Samples of a crop: whole frames, about `config.seconds`."""
    return max(1, int(np.round(config.seconds * codec.frame_rate))) * codec.hop_length
