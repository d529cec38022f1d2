#!/bin/sh
# Measures the default model, speech-40hz-v1 and classical codecs on DATA; more arguments go to the command:
#
#     experiments/bitrates/run.sh ../shared/speech/eval
#     experiments/bitrates/run.sh ../shared/speech/eval --limit 3 --out /tmp/few
set -eu
cd "$(dirname "$0")/../.."
data=$1
shift
exec audiotok evaluate --data "$data" \
    --codecs audiotok,audiotok:speech-40hz-v1,opus:6,opus:9,opus:12,codec2:1200,codec2:2400,codec2:3200,speex:4 \
    --out experiments/bitrates/results "$@"
