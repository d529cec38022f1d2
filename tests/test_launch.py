"""The scripts of launch/: linted, and run as far as one machine goes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from training import ENVIRONMENT, OPTIONS, STEPS, read

from audiotok_jax import AudioTokenizer, audio

REPOSITORY = Path(__file__).resolve().parent.parent
LAUNCH = REPOSITORY / "launch"
SCRIPTS = sorted([*LAUNCH.glob("*.sh"), *LAUNCH.glob("*.sbatch")])
# A save after each step leaves time to interrupt a run.
OPTIONS = (*OPTIONS, "--set", "session.save_steps=1")
ENVIRONMENT = ENVIRONMENT | {"PYTHON": sys.executable}

# What launch/gke_jobset.yaml uses of JobSet; the API has more. The template is Kubernetes' own.
JOBSET = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "jobset.x-k8s.io/v1alpha2"},
        "kind": {"const": "JobSet"},
        "metadata": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
                "labels": {"additionalProperties": {"type": "string"}},
                "annotations": {"additionalProperties": {"type": "string"}},
            },
        },
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["replicatedJobs"],
            "properties": {
                "failurePolicy": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"maxRestarts": {"type": "integer", "minimum": 0}},
                },
                "replicatedJobs": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["name", "template"],
                        "properties": {
                            "name": {"type": "string", "pattern": "^[a-z0-9-]+$"},
                            "replicas": {"type": "integer", "minimum": 1},
                            "template": {
                                "type": "object",
                                "additionalProperties": False,
                                "properties": {"spec": {"type": "object"}},
                            },
                        },
                    },
                },
            },
        },
    },
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, speech) -> Path:
    """Two corpora of six clips."""
    root = tmp_path_factory.mktemp("launch") / "my corpus"
    for number in range(12):
        folder = root / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        audio.write(folder / f"{number}.wav", speech(48000, seed=number), 16000)
    return root


def stubs(folder: Path, **scripts: str) -> dict[str, str]:
    """An environment in which these commands are scripts."""
    folder.mkdir()
    for name, script in scripts.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)
    return ENVIRONMENT | {"PATH": f"{folder}:{os.environ['PATH']}"}


def metrics(run: Path) -> list[int]:
    """Steps whose metrics are written."""
    return [line["step"] for line in read(run)]


def interrupt(command: list[str], run: Path, **options: object) -> subprocess.Popen:
    """Runs a command until three steps are done, sends it SIGTERM, and waits for its end."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    while len(metrics(run)) < 3:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    process.terminate()
    process.output, _ = process.communicate()
    return process


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script):
    subprocess.run(["bash", "-n", script], check=True)
    shellcheck = Path(sys.executable).with_name("shellcheck")
    found = subprocess.run([shellcheck, script], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize("accelerator", ["tpu", "gpu"])
def test_jobset_fits_the_schemas(accelerator):
    documents = yaml.safe_load_all((LAUNCH / "gke_jobset.yaml").read_text())
    [jobset] = [one for one in documents if one["metadata"]["labels"]["accelerator"] == accelerator]
    jsonschema.validate(jobset, JOBSET)
    for part in jobset["spec"]["replicatedJobs"]:
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": part["name"]}}
        kubernetes_validate.validate(job | part["template"], "1.33", strict=True)
        spec = part["template"]["spec"]
        [container] = spec["template"]["spec"]["containers"]
        assert (REPOSITORY / container["command"][0]).is_file()
        assert spec["parallelism"] == spec["completions"]
        if accelerator == "gpu":  # where JAX is told
            host = f"{jobset['metadata']['name']}-{part['name']}-0-0.{jobset['metadata']['name']}"
            assert f"--coordinator={host}:8476" in container["command"]
            assert f"--processes={spec['completions']}" in container["command"]


def test_one_process_starts_a_run_stops_and_goes_on_to_the_end(corpus, tmp_path):
    command = [LAUNCH / "local.sh", *OPTIONS, "--data", corpus, f"--out={tmp_path}"]
    stopped = subprocess.run([*command, "--minutes", "1e-9"], env=ENVIRONMENT)
    assert stopped.returncode == 75
    assert 0 < len(metrics(tmp_path)) < STEPS
    subprocess.run(command, env=ENVIRONMENT, check=True)
    assert metrics(tmp_path) == list(range(STEPS))
    wrong = subprocess.run([LAUNCH / "local.sh", "--steps", "4"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "usage" in wrong.stderr


def test_a_signal_goes_to_all_processes(tmp_path):
    """`tests/test_processes.py` trains with this script."""
    script = tmp_path / "wait"
    script.write_text("""#!/bin/bash
trap 'touch "$1/stopped${!#}"; exit 0' TERM
touch "$1/here${!#}"
while :; do sleep 0.05; done
""")
    script.chmod(0o755)
    with subprocess.Popen([LAUNCH / "multiprocess.sh", "3", script, tmp_path]) as process:
        while len(list(tmp_path.glob("here*"))) < 3:
            assert process.poll() is None
            time.sleep(0.01)
        process.terminate()
        assert process.wait() == 0
    assert len(list(tmp_path.glob("stopped*"))) == 3


def test_each_process_is_told_its_place(tmp_path):
    script = tmp_path / "tell"
    script.write_text('#!/bin/bash\necho "$JAX_LOCAL_DEVICE_IDS|$*" >"$1/${!#}"\n')
    script.chmod(0o755)
    subprocess.run([LAUNCH / "multiprocess.sh", "3", script, tmp_path, "a b"], check=True)
    told = [(tmp_path / str(number)).read_text() for number in range(3)]
    port = told[0].split(":")[1].split()[0]
    for number, line in enumerate(told):
        place = f"--coordinator 127.0.0.1:{port} --processes 3 --process {number}"
        assert line == f"{number}|{tmp_path} a b {place}\n"


def test_the_first_failure_stops_the_other_processes(tmp_path):
    script = tmp_path / "fail"
    script.write_text("""#!/bin/bash
trap 'echo stopped >"$1/${!#}"; exit 0' TERM
touch "$1/here${!#}"
if ((${!#} == 1)); then
    until [[ -e $1/here0 && -e $1/here2 ]]; do sleep 0.05; done
    exit 3
fi
while :; do sleep 0.05; done
""")
    script.chmod(0o755)
    command = [LAUNCH / "multiprocess.sh", "3", script, tmp_path]
    failed = subprocess.run(command, capture_output=True, text=True)
    assert failed.returncode == 3
    assert "process 1 exited with 3" in failed.stderr
    assert (tmp_path / "0").exists() and (tmp_path / "2").exists()


@pytest.mark.parametrize(("code", "requeued"), [(75, True), (0, False), (1, False)])
def test_a_slurm_job_queues_itself_until_the_last_step(tmp_path, code, requeued):
    environment = stubs(
        tmp_path / "bin",
        srun=f"""[[ $# == 4 && $2 == launch/local.sh && $4 == "a b" ]] || exit 9
[[ $SRUN_CPUS_PER_TASK == 5 ]] && exit {code}; exit 8""",
        scontrol=f'echo "$*" >{tmp_path}/asked',
    )
    environment |= {"SLURM_JOB_ID": "17", "SLURM_CPUS_PER_TASK": "5"}
    job = subprocess.run([LAUNCH / "slurm.sbatch", "--out", "a b"], env=environment)
    assert job.returncode == code
    asked = tmp_path / "asked"
    assert (asked.read_text() if asked.exists() else "") == ("requeue 17\n" if requeued else "")


def test_a_tpu_gets_the_repository_and_the_options_as_they_were_given(tmp_path):
    """`gcloud` is played by scripts that copy the archive and run the command here."""
    home = tmp_path / "home"
    home.mkdir()
    environment = stubs(
        tmp_path / "bin",
        gcloud=f"""echo "$@" >>{tmp_path}/calls
case $4 in
    scp) cp "$5" {home}/audiotok.tar.gz ;;
    ssh) cd {home} && exec sh -c "${{!#}}" ;;
esac""",
        python3="mkdir -p .venv",
        mountpoint="exit 1",
        sudo=f"""case $1 in
    systemd-run) printf '%s\\n' "$@" >{tmp_path}/service ;;
    *) echo "$@" >>{tmp_path}/root ;;
esac""",
    )
    options = ["--data", 'it\'s; a "$b"', "--out", "/mnt/audiotok/a b"]
    environment |= {"ZONE": "here", "NFS": "10.0.0.2:/a b"}
    del environment["PYTHON"]
    subprocess.run([LAUNCH / "tpu_vm.sh", "start", "tpu", *options], env=environment, check=True)
    given = (tmp_path / "service").read_text().splitlines()
    assert given[-5:] == [f"{home}/audiotok/launch/local.sh", *options]
    assert "mount -t nfs 10.0.0.2:/a b /mnt/audiotok" in (tmp_path / "root").read_text()
    assert (home / "audiotok" / "setup.cfg").is_file()
    calls = (tmp_path / "calls").read_text()
    assert "scp" in calls and calls.count("tpu-vm ssh tpu --zone here --worker all --command") == 1


@pytest.fixture
def lease(tmp_path) -> Path:
    """A repository of its own for launch/lease.sh, which writes into its folder lease/."""
    root = tmp_path / "repository"
    shutil.copytree(LAUNCH, root / "launch")
    (root / "audiotok_jax").symlink_to(REPOSITORY / "audiotok_jax")
    (root / "requirements.txt").write_text("needed==1.0\npresent==2.0\ntensorflow-datasets==4.9\n")
    subprocess.run(["git", "init", "--quiet", root], check=True)
    return root


def wheel(folder: Path, name: str, *needs: str) -> None:
    """Writes a package that holds one empty module."""
    folder.mkdir(exist_ok=True)
    about = f"{name}-1.0.dist-info"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}.py", "")
        file.writestr(
            f"{about}/METADATA", "\n".join([*metadata, *map("Requires-Dist: {}".format, needs)])
        )
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        file.writestr(f"{about}/RECORD", "")


def test_a_lease_from_loads_to_weights(lease, corpus, tmp_path, speech):
    """Two calls of `run`, the first one cut short, and the way there and back."""
    for number in range(6):
        folder = tmp_path / "eval" / "xy"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        audio.write(folder / f"{number}.flac", speech(8000, seed=number), 16000)
    wheel(tmp_path / "index", "needed", "extra-needed", "there.too")
    wheel(tmp_path / "index", "extra_needed")
    wheel(tmp_path / "index", "there_too")
    (tmp_path / "have.txt").write_text("present==2.0\nThere_Too @ file:///tmp/there\n")
    script = lease / "launch" / "lease.sh"
    environment = ENVIRONMENT | {
        "LEASE_MIB": "1",
        "LEASE_CLIPS": "2",
        "LEASE_HAVE": str(tmp_path / "have.txt"),
        "LEASE_HOME": str(tmp_path / "home"),
        "LEASE_SHARD_MIB": "1",
        "OUT": str(tmp_path / "out"),
        "PIP_NO_INDEX": "1",
        "PYTHONWARNINGS": "default",  # pip has deprecation warnings of its own
        "PIP_FIND_LINKS": str(tmp_path / "index"),
    }
    subprocess.run([script, "pack", corpus, tmp_path / "eval"], env=environment, check=True)
    loads = sorted((lease / "lease").glob("[0-9]*"))
    assert len(loads) > 1
    packed = []
    for load in loads:
        assert sum(path.stat().st_size for path in load.rglob("*")) < 1 << 20
        [path] = load.glob("data/*/*.tar")
        with tarfile.open(path) as tar:
            packed += tar.getnames()
    assert sorted(packed) == sorted(
        str(path.relative_to(corpus.parent)) for path in corpus.rglob("*.wav")
    )
    assert sorted(path.name for path in loads[0].glob("wheels/*")) == [
        "extra_needed-1.0-py3-none-any.whl",
        "needed-1.0-py3-none-any.whl",
    ]
    with tarfile.open(lease / "lease" / "code.tar.gz") as tar:
        assert "launch/lease.sh" in tar.getnames()

    command = [script, "run", "a", *OPTIONS]
    process = interrupt(command, tmp_path / "home" / "runs" / "a", env=environment)
    assert process.returncode == 0, process.output
    subprocess.run([script, "join", tmp_path / "out"], env=environment, check=True)
    run = lease / "lease" / "runs" / "a"
    done = len(metrics(run))
    assert metrics(run) == list(range(done)) and done < STEPS
    assert [path.name for path in (run / "checkpoints").iterdir()] == [str(done)]

    # On another bare machine, from the save that came back; nothing but weights leaves that one.
    shutil.rmtree(tmp_path / "home")
    subprocess.run(command, env=environment | {"LEASE_OUT_MIB": "0"}, check=True)
    assert (tmp_path / "home" / "site" / "needed.py").is_file()
    shards = list((tmp_path / "out").iterdir())
    assert shards and all(path.stat().st_size <= 1 << 20 for path in shards)
    subprocess.run([script, "join", tmp_path / "out"], env=environment, check=True)
    assert metrics(run) == list(range(STEPS))
    assert not (run / "checkpoints").exists()
    assert len(list(run.glob("samples/*.original.wav"))) == 2
    tokenizer = AudioTokenizer.from_pretrained(run / "model")
    assert len(tokenizer.encode(speech(8000), 16000)) == 40


def test_a_lease_ends_by_the_clock(lease, tmp_path):
    """A training that is played by a script gets SIGTERM in time to save."""
    environment = stubs(
        tmp_path / "bin",
        python="""[[ $1 != - ]] || exit 75
trap 'touch "$out/saved"; exit 0' TERM
out=${!#}
mkdir -p "$out"
touch "$out/config.json"
while :; do sleep 0.05; done""",
    ) | {"LEASE_HOME": str(tmp_path / "home"), "LEASE_SECONDS": "6", "LEASE_MARGIN": "4"}
    environment["PYTHON"] = str(tmp_path / "bin" / "python")
    script = lease / "launch" / "lease.sh"
    subprocess.run([script, "run", "a", "--preset", "x"], env=environment, check=True)
    assert (tmp_path / "home" / "runs" / "a" / "saved").exists()
    subprocess.run([script, "join"], env=environment, check=True)
    assert (lease / "lease" / "runs" / "a" / "saved").exists()


@pytest.mark.parametrize(
    "arguments", [[], ["pack"], ["run"], ["join", "a", "b"], ["sell", "a"]], ids=" ".join
)
def test_a_lease_says_how_it_is_used(lease, arguments):
    found = subprocess.run([lease / "launch" / "lease.sh", *arguments], capture_output=True)
    assert found.returncode == 2 and b"usage" in found.stderr
