"""Evaluation of codecs: metrics, bitrates, token statistics, reports."""
