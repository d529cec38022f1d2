"""Audio to train on: where it lies, and how it is drawn."""
