"""Initialization of distributed processes."""

from __future__ import annotations

import socket

import jax

SUSPENDED = 30 * 24 * 3600
"""Seconds for which a single process may be suspended, as by Ctrl-Z."""


def start(
    coordinator: str | None = None, processes: int | None = None, process: int | None = None
) -> None:
    """Joins the processes of a run, or starts a run of one process; before any other use of JAX.

    The arguments are "host:port" of process 0, the number of processes, and the index of this one.
    Without them, Slurm, Open MPI, TPU slices and Kubernetes jobs (JobSet on GKE) are detected from
    the environment (see `jax.distributed.initialize`); otherwise the process is the only one.

    Raises:
        ValueError: only some of the arguments are given, or they do not fit together.
    """
    # The training loop coordinates signals itself, see `train.loop`.
    jax.config.update("jax_enable_preemption_service", False)
    if (coordinator, processes, process) != (None, None, None):
        if coordinator is None or processes is None or process is None:
            raise ValueError("--coordinator, --processes and --process belong together")
        if ":" not in coordinator:
            raise ValueError(f"--coordinator must be HOST:PORT, not {coordinator}")
        if not 0 <= process < processes:
            raise ValueError(f"--process must lie in 0..{processes - 1}, not {process}")
        jax.distributed.initialize(
            coordinator, processes, process, cluster_detection_method="deactivate"
        )
        return
    try:
        jax.distributed.initialize()
    except ValueError as error:
        if "coordinator_address" not in str(error):
            raise
        with socket.socket() as probe:  # finds a free port
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        jax.distributed.initialize(
            address,
            1,
            0,
            cluster_detection_method="deactivate",
            heartbeat_timeout_seconds=SUSPENDED,
            coordinator_bind_address=address,
        )
