"""Exports of models: StableHLO, ONNX, and a page that runs in a browser."""
