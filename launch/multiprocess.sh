#!/usr/bin/env bash
# Trains in N processes on this machine, as on N hosts; each with one GPU where there are GPUs.
#
#     launch/multiprocess.sh N COMMAND...
#
# Each process runs COMMAND, `audiotok train` or `launch/local.sh` with their options, with
# --coordinator, --processes and --process added. What process 0 prints comes out as it is; what
# the others print goes to standard error, with their number in front.
#
# SIGTERM and Ctrl-C go to all processes as SIGTERM, at which they save and end. If one fails, the
# others are sent SIGTERM, and SIGKILL after 30 seconds. Exit code: that of the first process that
# failed, 0 if none did. Needs bash 5.1.
#
# Environment:
#     PYTHON                 interpreter, used here to find a free port; default: python3
#     JAX_NUM_CPU_DEVICES    devices of each process where there are no GPUs; default: 1
#
# Examples:
#     launch/multiprocess.sh 8 launch/local.sh --preset base-80hz --data corpus/ --out runs/a
#     JAX_PLATFORMS=cpu JAX_NUM_CPU_DEVICES=4 launch/multiprocess.sh 2 \
#         audiotok train --preset tiny-80hz --data corpus/ --out runs/b --steps 10
set -euo pipefail

if (($# < 2)) || [[ ! $1 =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: launch/multiprocess.sh N COMMAND..." >&2
    exit 2
fi
count=$1
shift
port=$("${PYTHON:-python3}" -c '
import socket

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    print(probe.getsockname()[1])')

# Runs process number $1, in place of a subshell.
become() {
    local place=(--coordinator "127.0.0.1:$port" --processes "$count" --process "$1")
    export JAX_LOCAL_DEVICE_IDS=$1
    (($1 == 0)) || exec > >(exec sed -u "s/^/[$1] /" >&2) 2>&1
    exec "${command[@]}" "${place[@]}"
}

command=("$@")
declare -A numbers=() # of the processes that run, by their ids
stop() {
    ((${#numbers[@]} == 0)) || kill -s "$1" "${!numbers[@]}" 2>/dev/null || :
}
trap 'stop TERM' TERM INT
for ((i = 0; i < count; i++)); do
    become "$i" &
    numbers[$!]=$i
done

failed=0 killer=
while ((${#numbers[@]})); do
    status=0 ended=
    wait -n -p ended "${!numbers[@]}" || status=$?
    [[ -n ${ended:-} ]] || continue # a signal has ended the wait
    number=${numbers[$ended]}
    unset "numbers[$ended]"
    if ((status && !failed)); then
        failed=$status
        echo "process $number exited with $status; the others are stopped" >&2
        stop TERM
        # One that waits for an answer of the failed process does not see the signal.
        (sleep 30 && stop KILL) >/dev/null 2>&1 &
        killer=$!
    fi
done
[[ -z $killer ]] || kill "$killer" 2>/dev/null || :
exit "$failed"
