"""Draws quality over the hours of audio that a model has heard, and tells the slope.

python experiments/default_model/plot.py
"""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

HERE = Path(__file__).parent
METRICS = {"pesq_wb": "PESQ-WB", "stoi": "STOI"}


def main() -> None:
    """Reads quality.csv, writes quality.png, prints what ten times the hours would bring."""
    rows = list(csv.DictReader((HERE / "quality.csv").open()))
    figure, axes = plt.subplots(1, len(METRICS), figsize=(9, 3.5), layout="constrained")
    for axis, (metric, label) in zip(axes, METRICS.items(), strict=True):
        for model in dict.fromkeys(row["model"] for row in rows):
            own = [row for row in rows if row["model"] == model]
            hours = np.array([float(row["audio_hours"]) for row in own])
            values = np.array([float(row[metric]) for row in own])
            axis.plot(hours, values, "o-", label=model)
            if hours[-1] > 2 * hours[0]:  # less tells nothing of ten times as many
                slope = np.polyfit(np.log10(hours), values, 1)[0]
                print(f"{model}: {label} {slope:+.3f} for ten times the hours, {len(own)} saves")
        axis.set(xscale="log", xlabel="hours of audio heard", ylabel=f"{label}, test-clean")
        ticks = [5, 10, 20, 40, 80, 160, 320]
        axis.set_xticks(ticks, [str(tick) for tick in ticks])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(HERE / "quality.png", dpi=110)


if __name__ == "__main__":
    main()
