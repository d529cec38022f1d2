"""A corpus of tokens: planned, made in shards, resumed, checked and read."""
