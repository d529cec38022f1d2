"""Training: losses, discriminators, state, step, loop, checkpoints."""
