#!/usr/bin/env bash
# Trains on a Cloud TPU VM of one or many workers.
#
#     launch/tpu_vm.sh start TPU TRAIN_OPTIONS... --out RUN
#     launch/tpu_vm.sh logs TPU         follows what worker 0 prints
#     launch/tpu_vm.sh stop TPU         saves and stops
#
# `start` copies the repository as it was last committed to all workers, makes an environment there
# and runs launch/local.sh as the system service `audiotok`; JAX finds the other workers by the
# metadata of the machine. What fails starts again ten seconds later and goes on from the last
# save, and so does `start` on a new TPU after a preemption. Data and RUN must lie on a file system
# that all workers share: name an NFS share (Filestore, say), and it is mounted at /mnt/audiotok.
#
# Environment:
#     ZONE      of the TPU; default: that of `gcloud config`
#     NFS       HOST:/SHARE to mount; default: nothing is mounted
#     PYTHON    version that `uv` installs on the workers; default: 3.12
#
# Example:
#     export ZONE=us-central2-b NFS=10.0.0.2:/speech
#     launch/tpu_vm.sh start my-tpu --preset base-80hz \
#         --data /mnt/audiotok/train --out /mnt/audiotok/runs/base --batch-size 512
set -euo pipefail
cd "$(dirname "$0")/.."

if (($# < 2)) || [[ ! $1 =~ ^(start|logs|stop)$ ]]; then
    echo "usage: launch/tpu_vm.sh start|logs|stop TPU [TRAIN_OPTIONS...]" >&2
    exit 2
fi
verb=$1 tpu=$2
shift 2
zone=()
[[ -z ${ZONE:-} ]] || zone=(--zone "$ZONE")

# Runs the command $2 on the worker $1, a number or `all`.
on_worker() {
    gcloud compute tpus tpu-vm ssh "$tpu" "${zone[@]}" --worker "$1" --command "$2"
}

# What each worker does to start; nfs, python and the options of the training come from here.
prepare=$(
    cat <<'END'
mkdir -p audiotok
cd audiotok
tar -xzf ../audiotok.tar.gz
python3 -m pip install --quiet --user uv
[ -d .venv ] || python3 -m uv venv --quiet --python "$python" .venv
python3 -m uv pip install --quiet --python .venv -r requirements.txt -e '.[tpu]'
if [ -n "$nfs" ] && ! mountpoint --quiet /mnt/audiotok; then
    sudo apt-get install --yes --quiet nfs-common
    sudo mkdir -p /mnt/audiotok
    sudo mount -t nfs "$nfs" /mnt/audiotok
fi
sudo systemctl stop audiotok 2>/dev/null || true
sudo systemctl reset-failed audiotok 2>/dev/null || true
exec sudo systemd-run --unit audiotok --uid "$(id -u)" --working-directory "$PWD" \
    --setenv HOME="$HOME" --setenv PYTHON="$PWD/.venv/bin/python" \
    --property Restart=on-failure --property RestartSec=10 --property StartLimitIntervalSec=0 \
    --property KillMode=mixed --property TimeoutStopSec=300 \
    "$PWD/launch/local.sh" "$@"
END
)

case $verb in
    start)
        archive=$(mktemp --suffix .tar.gz)
        trap 'rm "$archive"' EXIT
        git archive --format tar.gz --output "$archive" HEAD
        gcloud compute tpus tpu-vm scp "$archive" "$tpu:audiotok.tar.gz" "${zone[@]}" --worker all
        printf -v values 'set -eu; nfs=%q python=%q; set --' "${NFS:-}" "${PYTHON:-3.12}"
        printf -v options ' %q' "$@"
        on_worker all "$values$options
$prepare"
        ;;
    logs) on_worker 0 "journalctl --unit audiotok --output cat --lines 100 --follow" ;;
    stop) on_worker all "sudo systemctl stop audiotok" ;;
esac
