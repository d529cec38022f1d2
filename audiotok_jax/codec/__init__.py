"""The codec: pure functions and Flax modules, jit-able, no input or output, no globals."""
