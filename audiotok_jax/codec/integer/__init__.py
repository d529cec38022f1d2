"""The integer encoder: the same tokens on every machine; `reference` defines them."""
