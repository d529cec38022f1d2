#!/usr/bin/env bash
# Trains in one process, on all devices that it sees: starts a run, or goes on with it.
#
#     launch/local.sh TRAIN_OPTIONS... --out RUN
#
# The options are those of `audiotok train`; --resume is added where RUN holds a run already. The
# other scripts call this one for each of their processes.
#
# Exit code: 0 if the last step is done; 75 if the run stopped before it, after a save, because of
# --minutes, SIGTERM or Ctrl-C: the same command goes on. Others are errors of `audiotok train`.
#
# Environment:
#     PYTHON    interpreter that has the package; default: python3
#
# Example, an hour each evening:
#     launch/local.sh --preset small-80hz --data corpus/ --out runs/a --minutes 60
set -euo pipefail

arguments=("$@")
out=
for ((i = 0; i < $#; i++)); do
    case ${arguments[i]} in
        --out) out=${arguments[i + 1]:-} ;;
        --out=*) out=${arguments[i]#--out=} ;;
    esac
done
if [[ -z $out ]]; then
    echo "usage: launch/local.sh TRAIN_OPTIONS... --out RUN" >&2
    exit 2
fi
[[ -e $out/config.json ]] && arguments+=(--resume)

# In the background, as bash would keep a signal to itself until a command in the foreground ends.
"${PYTHON:-python3}" -m audiotok_jax train "${arguments[@]}" &
training=$!
trap 'kill -TERM "$training" || :; signalled=1' TERM INT
while
    signalled=0 status=0
    wait "$training" || status=$?
    ((signalled)) # the signal has ended the wait, and not the training
do :; done
((status == 0)) || exit "$status"

exec "${PYTHON:-python3}" - "$out" <<'END'
import json, pathlib, sys

card = json.loads(pathlib.Path(sys.argv[1], "model", "config.json").read_text())["card"]
if card["steps"] < card["settings"]["recipe"]["steps"]:
    print("saved before the last step: the same command goes on", file=sys.stderr)
    sys.exit(75)
END
