"""The speed of codecs, measured side by side; `audiotok bench` is its command."""
