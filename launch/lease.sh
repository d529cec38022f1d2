#!/usr/bin/env bash
# Trains on a lent accelerator: a bare machine without network that is ours for minutes, to which
# files go in loads of limited size, and from which a few files come back.
#
#     launch/lease.sh pack CORPUS [EVAL]            here: makes the loads lease/1, lease/2, ...
#     launch/lease.sh unpack                        there: takes in the loads that are in lease/
#     launch/lease.sh run NAME TRAIN_OPTIONS...     there: unpacks, trains, writes results to OUT
#     launch/lease.sh results NAME                  there: writes them once more
#     launch/lease.sh join [DIR]                    here: results in DIR to lease/runs/NAME
#
# pack     CORPUS is a folder of audio, and EVAL one with a folder for each set of clips. Each load
#          holds clips drawn from all of CORPUS; the first one has those of EVAL and the missing
#          packages, too. For a machine without this repository, its files are lease/code.tar.gz.
# run      Runs `audiotok train` with these options, starting the run NAME or going on with it, on
#          all data brought so far, until the time is up, and saves. With other data than before,
#          a run cannot go on: start another from its weights, --init LEASE_HOME/runs/NAME/model.
# results  are shards of one archive of the run's folder: model/ (float16 weights), metrics.jsonl,
#          samples/ (a clip of each set of EVAL, before and after), the last save, if it fits, ...
# join     Puts the shards together, in place of what lease/runs/NAME was. To go on on another
#          machine, bring lease/runs: a run with its save goes on as NAME, and one without it
#          gives its weights, --init lease/runs/NAME/model.
#
# Paths are relative to the repository. On a CPU, with a tiny preset and a few clips, the same
# commands are the rehearsal.
#
# Environment:
#     PYTHON           interpreter; default: python3
#   of `pack`:
#     LEASE_MIB        size of a load; default: 50
#     LEASE_CLIPS      clips of each set of EVAL; default: 4
#     LEASE_HAVE       file that lists the packages over there, NAME or NAME==VERSION, as
#                      `python3 -m pip freeze` prints them; default: it has all that are needed
#     LEASE_PYTHON     version of Python over there, on Linux and x86-64; default: 3.12
#   of the others:
#     LEASE_HOME       folder that stays between calls; default: $TMPDIR/audiotok-lease
#     LEASE_SECONDS    time that `run` may take; default: 600
#     LEASE_MARGIN     part of that for the last save and the results; default: 90
#     OUT              folder of the results; default: lease/out
#     LEASE_OUT_MIB    size of all results, where the last save is to fit; default: 60
#     LEASE_SHARD_MIB  size of a shard; default: 15
#
# Example:
#     LEASE_HAVE=have.txt launch/lease.sh pack corpus/ eval/
#     rsync -a . spot:audiotok/        # or only some of the loads
#     ssh spot 'cd audiotok && LEASE_SECONDS=3600 launch/lease.sh run a --preset base-80hz'
#     rsync -a spot:audiotok/lease/out lease/ && launch/lease.sh join
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
home=$(realpath --canonicalize-missing "${LEASE_HOME:-${TMPDIR:-/tmp}/audiotok-lease}")
out=$(realpath --canonicalize-missing "${OUT:-lease/out}")
export PYTHONPATH=$PWD:$home/site${PYTHONPATH:+:$PYTHONPATH}
export JAX_COMPILATION_CACHE_DIR=${JAX_COMPILATION_CACHE_DIR:-$home/jax}

pack() {
    local corpus eval='' name room table
    corpus=$(realpath "$1") name=$(basename "$1")
    [[ -z ${2:-} ]] || eval=$(realpath "$2")
    local load=$((${LEASE_MIB:-50} << 20))
    rm -rf lease/[0-9]*
    mkdir -p lease/1/data
    git ls-files -z --cached --others --exclude-standard |
        tar --create --gzip --file lease/code.tar.gz --null --files-from -
    [[ -z ${LEASE_HAVE:-} ]] || wheels "$LEASE_HAVE" lease/1/wheels
    if [[ -n $eval ]]; then
        clips "$eval" | cut -f 2 | awk -F / -v most="${LEASE_CLIPS:-4}" '++seen[$2] <= most' |
            while read -r clip; do
                install -D --mode 644 "$eval/../$clip" "lease/1/eval/${clip#*/}"
            done
    fi
    # A table beside the folder says which of its files are clips, and whose.
    for table in "$corpus".{tsv,csv,parquet,jsonl}; do
        [[ ! -e $table ]] || cp "$table" lease/1/data
    done
    room=$((load - $(du --summarize --bytes lease/1 | cut -f 1)))
    if ((room < 0)); then
        echo "packages and clips of EVAL take $((-room / 1048576 + 1)) MiB too much: a load is" \
            "LEASE_MIB=${LEASE_MIB:-50}" >&2
        exit 1
    fi
    # In a tar, a file takes whole blocks of 512 bytes, and up to three more for its name; the tar
    # itself up to 10240 bytes. A file that is larger than a load gets a load of its own.
    clips "$corpus" | awk -F '\t' -v left="$room" -v load="$load" '
        BEGIN { number = 1; left -= 10240 }
        {
            size = 512 * int(($1 + 511) / 512) + 1536
            if (size > left) { number += 1; left = load - 10240 }
            left -= size
            print $2 > ("lease/" number ".txt")
        }'
    for table in lease/[0-9]*.txt; do
        load=${table%.txt}
        mkdir -p "$load/data/$name"
        tar --create --file "$load/data/$name/$(basename "$load").tar" --directory "$corpus/.." \
            --files-from "$table"
        rm "$table"
    done
    du --summarize --human-readable --apparent-size lease/[0-9]* lease/code.tar.gz
}

# Audio files of the folder $1: size, tab, path from the name of the folder on; in an order that is
# shuffled, and always the same.
clips() {
    local suffixes
    suffixes=$("$python" -c 'from audiotok_jax.formats import AUDIO_READ as s; print(*s, sep="|")')
    (cd "$1/.." && find "$(basename "$1")" -type f -not -name '.*' -printf '%s\t%p\n') |
        grep -iE "(${suffixes//./\\.})\$" | LC_ALL=C sort -k 2 | shuf --random-source <(yes)
}

# Brings the packages of requirements.txt, and what they need, to $2, but for those listed in $1.
wheels() {
    local have lacking platforms=() number wheel
    have=$(sed -E 's/[ =@].*//' "$1" | normal)
    # TFDS has no wheels; tars are read without it.
    lacking=$(grep '==' requirements.txt | grep -v '^tensorflow-datasets' |
        grep -vxE "(${have//$'\n'/|})==.*" || :)
    [[ -n $lacking ]] || return 0
    for number in {5..39}; do platforms+=(--platform "manylinux_2_${number}_x86_64"); done
    for number in 1 2010 2014; do platforms+=(--platform "manylinux${number}_x86_64"); done
    # What comes along must fit the versions over there.
    xargs "$python" -m pip download --quiet --disable-pip-version-check --dest "$2" \
        --only-binary :all: --python-version "${LEASE_PYTHON:-3.12}" "${platforms[@]}" \
        --constraint <(grep -xE '[^ =]+==[^ +]+' "$1") <<<"$lacking"
    for wheel in "$2"/*.whl; do
        ! grep -qxF "$(basename "${wheel%%-[0-9]*}" | normal)" <<<"$have" || rm "$wheel"
    done
}

# Names of packages as they are compared.
normal() {
    tr '[:upper:]._' '[:lower:]--'
}

unpack() {
    local load run part
    mkdir -p "$home"/{data,eval,runs}
    for load in lease/[0-9]*/; do
        for part in data eval; do
            [[ ! -d $load$part ]] || cp -r "$load$part/." "$home/$part"
        done
        [[ ! -d ${load}wheels ]] || "$python" -m pip install --quiet --disable-pip-version-check \
            --no-index --no-deps --upgrade --target "$home/site" "$load"wheels/*.whl
    done
    for run in lease/runs/*/checkpoints; do
        run=${run%/checkpoints}
        [[ -e $home/runs/$(basename "$run") ]] || cp -r "$run" "$home/runs"
    done
    echo "$(find "$home/data" -name '*.tar' | wc -l) loads of data in $home"
}

run() {
    local name=$1 options=("${@:2}") training signalled status
    unpack
    [[ -z $(ls "$home/eval") ]] || options+=(--eval-data "$home/eval")
    options+=(--data "$home"/data/*/ --out "$home/runs/$name")
    # All that this script took counts; the training alone gets the signal, and saves.
    timeout --foreground --preserve-status \
        $((${LEASE_SECONDS:-600} - ${LEASE_MARGIN:-90} - SECONDS)) \
        launch/local.sh "${options[@]}" &
    training=$!
    trap 'kill -TERM "$training" || :; signalled=1' TERM INT
    while
        signalled=0 status=0
        wait "$training" || status=$?
        ((signalled)) # the signal has ended the wait, and not the training
    do :; done
    [[ ! -d $home/runs/$name ]] || results "$name"
    ((status == 75)) || exit "$status"
}

results() {
    local name=$1 parts=() samples=() save=() part set
    cd "$home/runs"
    if [[ -d $name/model ]]; then
        for set in "$home"/eval/*/; do
            samples+=("$(find "$set" -type f | LC_ALL=C sort | head -n 1)")
        done
        ((${#samples[@]} == 0)) || "$python" -m audiotok_jax roundtrip "${samples[@]}" \
            --model "$name/model" --out "$name/samples" --force
    fi
    for part in "$name"/*; do
        [[ $part == */checkpoints ]] || parts+=("$part")
    done
    mapfile -t save < <(find "$name/checkpoints" -maxdepth 1 -name '[0-9]*' | sort -V | tail -n 1)
    if (($(du --total --bytes "${parts[@]}" "${save[@]}" | tail -n 1 | cut -f 1) >> 20 < \
        ${LEASE_OUT_MIB:-60})); then
        parts+=("${save[@]}")
    else
        echo "the last save stays here: with it, the results would pass LEASE_OUT_MIB" >&2
    fi
    mkdir -p "$out"
    rm -f "$out"/results.tar.gz.*
    tar --create --gzip "${parts[@]}" |
        split --bytes "${LEASE_SHARD_MIB:-15}M" --numeric-suffixes - "$out/results.tar.gz."
    cd "$OLDPWD"
}

join() {
    local run
    rm -rf lease/joined
    mkdir -p lease/joined lease/runs
    cat "${1:-lease/out}"/results.tar.gz.* | tar --extract --gzip --directory lease/joined
    for run in lease/joined/*; do
        rm -rf "lease/runs/$(basename "$run")"
        mv "$run" lease/runs
        ls "lease/runs/$(basename "$run")"
    done
    rmdir lease/joined
}

case ${1:-}:$# in
    pack:[23] | unpack:1 | run:[2-9] | run:[1-9][0-9] | results:2 | join:[12]) "$@" ;;
    *)
        echo "usage: launch/lease.sh pack CORPUS [EVAL] | unpack | run NAME TRAIN_OPTIONS... |" \
            "results NAME | join [DIR]" >&2
        exit 2
        ;;
esac
