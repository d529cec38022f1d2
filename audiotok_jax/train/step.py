"""The state of a run and the step that advances it.

Every loss is a mean over examples, or a function of such means (`Quantizer.statistics`), so that
the gradient of a batch is the mean of the gradients of its parts: gradient accumulation, sharding
by `jax.jit` and the twin by `jax.pmap` all give the step of the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.sharding import Mesh

from audiotok_jax.codec import model, quantizers
from audiotok_jax.config import CodecConfig
from audiotok_jax.parallel import AXES, ROWS
from audiotok_jax.settings import pinned
from audiotok_jax.train import discriminators, losses, perceptual
from audiotok_jax.train.config import Recipe, Schedule
from audiotok_jax.train.teachers import Teacher

EPSILON = 1e-6
"""Of AdamW. Gradients are some 1e-4; what is rounding in them would else move parameters as far as
all the rest does, and each number of devices rounds in its own way."""


class State(NamedTuple):
    """All that changes from step to step, but for the data iterator.

    Random numbers are functions of the recipe's seed and `step`, so that no key is kept.

    Attributes:
        step: int32, batches seen.
        skipped, skipped_in_a_row: int32, batches that were passed over as their gradient was not
            finite: all of them, and those since the last good one.
        params, ema: parameters, and their moving average.
        optimizer: moments of all parameters in stage 1, of the decoder's in stage 2.
        critic, critic_optimizer: the discriminators; empty in stage 1.
    """

    step: Array
    skipped: Array
    skipped_in_a_row: Array
    params: model.Params
    ema: model.Params
    optimizer: Any
    critic: Any
    critic_optimizer: Any


class Learnt(NamedTuple):
    """What a gradient depends on beside its batch: a part of a `State`, and the teacher."""

    step: Array
    params: model.Params
    critic: Any
    teacher: Teacher | None


class Gradient(NamedTuple):
    """Of what is trained and of the discriminators, and what there is to report."""

    trained: model.Params
    critic: Any
    results: dict[str, Array]


class Batch(NamedTuple):
    """What a step is given: arrays, or their shapes.

    Attributes:
        wave: float32 (B, T * hop_length), crops.
        speech: float32 (B, T * hop_length), `wave` without noise that was added.
        target: float32 (B, T * hop_length), what they are to sound like.
        row: int32 (B,), number of a crop in the batch; random numbers are drawn by it.
        stop_request: int32 (B,), what the process that holds the row asks of all; see `train.loop`.
    """

    wave: Any
    speech: Any
    target: Any
    row: Any
    stop_request: Any


@pinned("default")
def create(params: model.Params, codec: CodecConfig, recipe: Recipe) -> State:
    """State of step 0."""
    critic: Any = {}
    if recipe.stage == 2:
        key = jax.random.fold_in(jax.random.key(recipe.seed), 1)
        wave = jnp.zeros((1, critic_samples(codec, recipe)))
        critic = discriminators.Discriminators().init(key, wave)
    return State(
        step=jnp.int32(0),
        skipped=jnp.int32(0),
        skipped_in_a_row=jnp.int32(0),
        params=params,
        ema=jax.tree.map(jnp.copy, params),
        optimizer=_optimizer(recipe).init(_trained(params, recipe)),
        critic=critic,
        critic_optimizer=_optimizer(recipe, critic=True).init(critic),
    )


@pinned("default")
def update(
    state: State,
    batch: Batch,
    codec: CodecConfig,
    recipe: Recipe,
    mesh: Mesh | None = None,
    teacher: Teacher | None = None,
) -> tuple[State, dict[str, Array]]:
    """One step; to be jitted with `codec`, `recipe` and `mesh` static and `state` donated.

    Args:
        mesh: each of its devices computes the gradient of its own rows, so that nothing but
            gradients is exchanged (XLA by itself would gather the frames of every Fourier
            transform); None where there is one device.
        teacher: that `recipe.teacher` names, on all devices.

    Returns:
        The next state, and of this step: the scalars `loss` and its parts, `gradient_norm`,
        `learning_rate`, `skipped` (so far), `skipped_in_a_row`, `stop_request` (the highest) and
        `bits` (float32 (bits,), how often each bit is 1).
    """
    learnt = Learnt(state.step, state.params, state.critic, teacher)
    if mesh is None:
        gradient = _gradient(learnt, batch, codec, recipe, lambda tree: tree)
    else:
        axes = AXES[:2]

        def of_rows(learnt: Learnt, batch: Batch) -> Gradient:
            return _gradient(learnt, batch, codec, recipe, lambda x: jax.lax.pmean(x, axes))

        gradient = jax.shard_map(
            of_rows,
            mesh=mesh,
            in_specs=(jax.P(), ROWS),
            out_specs=jax.P(),
            axis_names=set(axes),
            check_vma=False,
        )(learnt, batch)
    return _apply(state, gradient, batch, recipe)


def update_by_pmap(
    codec: CodecConfig,
    recipe: Recipe,
    devices: Sequence[jax.Device],
    teacher: Teacher | None = None,
) -> Callable[[State, Batch], tuple[State, dict[str, Array]]]:
    """The twin of `update` by `jax.pmap`: each device has a whole state and its rows."""
    count = len(devices)

    @pinned("default")
    def on_each(
        state: State, batch: Batch, teacher: Teacher | None
    ) -> tuple[State, dict[str, Array]]:
        learnt = Learnt(state.step, state.params, state.critic, teacher)
        mean = partial(jax.lax.pmean, axis_name="data")
        return _apply(state, _gradient(learnt, batch, codec, recipe, mean), batch, recipe)

    mapped = jax.pmap(on_each, "data", in_axes=(None, 0, None), devices=devices)

    def run(state: State, batch: Batch) -> tuple[State, dict[str, Array]]:
        rows = jax.tree.map(lambda x: x.reshape(count, -1, *x.shape[1:]), batch)
        return jax.tree.map(lambda x: x[0], mapped(state, rows, teacher))

    return run


def crop_samples(codec: CodecConfig, recipe: Recipe) -> int:
    """Samples of a crop: whole frames, about `recipe.seconds`."""
    return max(1, int(np.round(recipe.seconds * codec.frame_rate))) * codec.hop_length


def critic_samples(codec: CodecConfig, recipe: Recipe) -> int:
    """Samples of a crop that the discriminators hear."""
    return min(crop_samples(codec, recipe), int(recipe.critic_seconds * codec.sample_rate))


def taught_samples(codec: CodecConfig, recipe: Recipe) -> int:
    """Samples of a crop that the teacher hears."""
    return min(crop_samples(codec, recipe), int(recipe.teacher_seconds * codec.sample_rate))


def learning_rate(recipe: Recipe) -> optax.Schedule:
    """Function of a step; see `Recipe.learning_rate`."""
    if isinstance(recipe.learning_rate, tuple):
        points = recipe.learning_rate
        return lambda step: value_at(points, step)
    peak = recipe.learning_rate or (1e-3 if recipe.stage == 1 else 2e-4)
    warmup = min(recipe.warmup, recipe.steps // 2)
    return optax.warmup_cosine_decay_schedule(0.0, peak, warmup, recipe.steps, 0.02 * peak)


def value_at(schedule: Schedule, step: Array) -> Array:
    """Value of a schedule at a step."""
    if not isinstance(schedule, tuple):
        return jnp.float32(schedule)
    steps, values = np.array(schedule, np.float32).T
    return jnp.interp(step, steps, values)


def _gradient(
    learnt: Learnt,
    batch: Batch,
    codec: CodecConfig,
    recipe: Recipe,
    average: Callable[[Any], Any],
) -> Gradient:
    """Gradient of a batch, in `recipe.accumulate` parts.

    Args:
        average: mean of a tree of arrays over all that have other rows of the batch.
    """
    parts = _split(batch, recipe.accumulate)
    first = jax.tree.map(lambda x: x[0], parts)
    if recipe.accumulate == 1:
        return average(_of_part(learnt, first, codec, recipe, None, average))
    whole = None
    if recipe.stage == 1:
        # The regularizer of the whole batch is no mean over its parts: first, what it is made of.
        found = jax.lax.map(lambda part: _statistics(learnt.params, part, codec, recipe), parts)
        whole = average(jax.tree.map(lambda x: jnp.mean(x, axis=0), found))

    def of_part(part: Batch) -> Gradient:
        return _of_part(learnt, part, codec, recipe, whole, average)

    zero = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(of_part, first))
    total, _ = jax.lax.scan(
        lambda total, part: (jax.tree.map(jnp.add, total, of_part(part)), None), zero, parts
    )
    return average(jax.tree.map(lambda x: x / recipe.accumulate, total))


def _of_part(
    learnt: Learnt,
    batch: Batch,
    codec: CodecConfig,
    recipe: Recipe,
    whole: Any,
    average: Callable[[Any], Any],
) -> Gradient:
    """Gradient of some rows of a batch; `whole` are the statistics of all, if found before."""
    key = jax.random.fold_in(jax.random.key(recipe.seed), learnt.step)
    keys = jax.vmap(lambda row: jax.random.fold_in(key, row))(batch.row)
    wave, target, dtype = batch.wave, batch.target, jnp.dtype(recipe.precision)
    critic = discriminators.Discriminators(dtype)

    def heard(wave: Array, length: int = critic_samples(codec, recipe)) -> Array:
        first = jax.random.randint(key, (), 0, wave.shape[1] - length + 1)
        return jax.lax.dynamic_slice_in_dim(wave, first, length, axis=1)

    real = critic.apply(learnt.critic, heard(target)) if recipe.stage == 2 else []

    quantizer = quantizers.of(codec)

    def quantize(latent: Array) -> Array:
        if not recipe.flip_near and not recipe.flip_anywhere:
            return quantizer.quantize(latent)
        draws = jax.vmap(lambda row: jax.random.uniform(_of_row(key, row, 1), latent.shape[1:]))
        return quantizer.quantize(latent, draws(batch.row), recipe.flip_near, recipe.flip_anywhere)

    def total(trained: model.Params) -> tuple[Array, tuple[Array, dict[str, Array]]]:
        params = learnt.params | trained
        passed = losses.forward(params, codec, wave, batch.speech, keys, dtype, quantize)
        mel, stft = losses.reconstruction(passed.wave, target, codec.sample_rate)
        terms = {"mel": mel, "stft": stft} | passed.terms
        for measure in perceptual.MEASURES:
            # What a target lacks of the speech itself is to be understood all the same.
            reference = batch.speech if measure is perceptual.intelligibility else target
            value = jnp.mean(measure(passed.wave, reference, codec.sample_rate))
            terms[measure.__name__] = value
        if learnt.teacher is not None:
            length = taught_samples(codec, recipe)
            both = heard(passed.wave, length), heard(batch.speech, length)
            terms["teacher"] = jnp.mean(
                learnt.teacher.distance(*both, recipe.teacher_layers, dtype)
            )
        loss = mel + sum(weight(name) * terms[name] for name in terms if name != "mel")
        if recipe.stage == 1:
            own = quantizer.statistics(passed.latent)
            regularizers, told = quantizer.regularizer(
                passed.latent, _of_whole(own, whole, average)
            )
            loss += sum(weight(name) * value for name, value in regularizers.items())
            terms |= regularizers | told
        else:
            fake = critic.apply(learnt.critic, heard(passed.wave))
            adversarial = discriminators.adversarial_loss(fake)
            matching = discriminators.matching_loss(jax.lax.stop_gradient(real), fake)
            loss += weight("adversarial") * adversarial + weight("matching") * matching
            terms |= {"adversarial": adversarial, "matching": matching}
        bits = quantizer.encode(passed.latent)[..., None] >> np.arange(codec.bits) & 1
        terms |= {"loss": loss, "bits": jnp.mean(bits, axis=(0, 1))}
        return loss, (passed.wave, terms)

    def weight(name: str) -> Array:
        return value_at(getattr(recipe, f"{name}_weight"), learnt.step)

    grads, (fake_wave, terms) = jax.grad(total, has_aux=True)(_trained(learnt.params, recipe))
    if recipe.stage == 1:
        return Gradient(grads, {}, terms)
    fake_wave = jax.lax.stop_gradient(fake_wave)

    def judged(params: Any) -> Array:
        both = critic.apply(params, heard(target)), critic.apply(params, heard(fake_wave))
        return discriminators.critic_loss(*both)

    terms["critic"], critic_grads = jax.lax.cond(
        _critic_learns(learnt.step, recipe),
        lambda: jax.value_and_grad(judged)(learnt.critic),
        lambda: (jnp.float32(0), jax.tree.map(jnp.zeros_like, learnt.critic)),
    )
    return Gradient(grads, critic_grads, terms)


def _apply(
    state: State, gradient: Gradient, batch: Batch, recipe: Recipe
) -> tuple[State, dict[str, Array]]:
    grads, critic_grads, results = gradient
    trained = _trained(state.params, recipe)
    updates, optimizer = _optimizer(recipe).update(grads, state.optimizer, trained)
    params = state.params | optax.apply_updates(trained, updates)
    # Early on, the average follows closely: it would else hold on to random weights.
    decay = jnp.minimum(recipe.ema, (1.0 + state.step) / (10.0 + state.step))
    ema = jax.tree.map(lambda old, new: old + (1 - decay) * (new - old), state.ema, params)
    critic, critic_optimizer = state.critic, state.critic_optimizer
    if recipe.stage == 2:
        critic, critic_optimizer = jax.lax.cond(
            _critic_learns(state.step, recipe),
            lambda: _learn(critic_grads, state, recipe),
            lambda: (critic, critic_optimizer),
        )
    norm = optax.tree.norm((grads, critic_grads))
    good = state._replace(
        skipped_in_a_row=jnp.int32(0),
        params=params,
        ema=ema,
        optimizer=optimizer,
        critic=critic,
        critic_optimizer=critic_optimizer,
    )
    bad = state._replace(skipped=state.skipped + 1, skipped_in_a_row=state.skipped_in_a_row + 1)
    finite = jnp.isfinite(results["loss"]) & jnp.isfinite(norm)
    state = jax.tree.map(lambda good, bad: jnp.where(finite, good, bad), good, bad)
    results |= {
        "gradient_norm": norm,
        "learning_rate": learning_rate(recipe)(state.step),
        "skipped": state.skipped,
        "skipped_in_a_row": state.skipped_in_a_row,
        "stop_request": jnp.max(batch.stop_request),
    }
    return state._replace(step=state.step + 1), results


def _of_row(key: Array, row: Array, use: int) -> Array:
    """The key of one use that a row makes of random numbers beside that of the decoder."""
    return jax.random.fold_in(jax.random.fold_in(key, row), use)


def _statistics(params: model.Params, batch: Batch, codec: CodecConfig, recipe: Recipe) -> Any:
    wave = jnp.pad(batch.wave, ((0, 0), codec.encoder_halo))
    latent = model.latent(params, codec, wave, jnp.dtype(recipe.precision))
    return quantizers.of(codec).statistics(latent)


def _of_whole(own: Any, whole: Any, average: Callable[[Any], Any]) -> Any:
    """Statistics of the whole batch, with the gradient of a part: the gradients' mean is right."""
    still = jax.lax.stop_gradient(own)
    whole = average(still) if whole is None else whole
    return jax.tree.map(lambda whole, own, still: whole + (own - still), whole, own, still)


def _split(batch: Batch, count: int) -> Batch:
    """Arrays (B, ...) to (count, B / count, ...), such that each device keeps its rows."""
    return jax.tree.map(lambda x: jnp.swapaxes(x.reshape(-1, count, *x.shape[1:]), 0, 1), batch)


def _trained(params: model.Params, recipe: Recipe) -> model.Params:
    return params if recipe.stage == 1 else {"decoder": params["decoder"]}


def _critic_learns(step: Array, recipe: Recipe) -> Array:
    return step % recipe.critic_every == 0


def _learn(grads: Any, state: State, recipe: Recipe) -> tuple[Any, Any]:
    optimizer = _optimizer(recipe, critic=True)
    updates, moments = optimizer.update(grads, state.critic_optimizer, state.critic)
    return optax.apply_updates(state.critic, updates), moments


def _optimizer(recipe: Recipe, critic: bool = False) -> optax.GradientTransformation:
    """AdamW, of what is trained or of the discriminators, which learn at some of the steps."""
    b1, b2 = (0.9, 0.98) if recipe.stage == 1 else (0.8, 0.99)
    every, factor = (recipe.critic_every, recipe.critic_rate) if critic else (1, 1.0)
    rate = learning_rate(recipe)
    decay = recipe.weight_decay
    return optax.chain(
        optax.clip_by_global_norm(recipe.clip),
        optax.adamw(
            lambda count: factor * rate(every * count), b1, b2, EPSILON, weight_decay=decay
        ),
    )
