"""Training data: sources of audio, sampling, augmentation, batches."""
