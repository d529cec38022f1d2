#!/bin/sh
# Measures the default model on speech under odd conditions, and what it does to silence:
#
#     experiments/robustness/run.sh ../shared/speech/eval ../shared/speech/noise
#
# Needs the results of experiments/bitrates/run.sh on the same speech.
set -eu
cd "$(dirname "$0")/../.."
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
results=experiments/robustness/results
python experiments/robustness/conditions.py "$1" "$2" "$made/conditions"
(cd "$made" && audiotok evaluate --data conditions --codecs audiotok --out evaluation)
mkdir -p "$results"
cp "$made/evaluation/table.md" "$made/evaluation/clips.csv" "$made/evaluation/summary.json" "$results"
python experiments/robustness/in_noise.py "$made/conditions" "$results/in_noise.json"
python experiments/robustness/seams.py "$1" "$results/seams.json"
python experiments/robustness/groups.py "$1" experiments/bitrates/results/clips.csv "$results/groups.md"
