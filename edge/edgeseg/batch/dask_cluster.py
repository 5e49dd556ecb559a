"""Connection to a Dask cluster, which may be started on this machine."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from edgeseg.errors import SystemSetupError, UsageError, missing_extra, one_line
from edgeseg.system.hosts import is_loopback

try:
    import dask
    from distributed import Client, LocalCluster, Security
except ModuleNotFoundError as error:
    raise missing_extra("--dask", "cluster", "distributed") from error

_CONNECT_S = 20
_MAX_STARTS = 10
_LOCAL = "local:"

# Dask keeps a thousand messages of each connection and two hours of measurements of each process.
# These logs are for developers of Dask. With many workers, they use gigabytes.
_SETTINGS = {
    "distributed.admin.low-level-log-length": 10,
    "distributed.admin.system-monitor.log-length": 10,
    # A worker is restarted at once, but its start may take long on a busy machine.
    "distributed.deploy.lost-worker-timeout": "1h",
}

# Ctrl-C sends SIGINT to all processes of a terminal. The workers ignore this signal, so that they
# can finish their tasks.
_IGNORE_CTRL_C = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
"""


def local_workers(address: str) -> int | None:
    """Return N for `local:N`, and None for the address of a scheduler.

    Raises:
        UsageError: N is not a positive number.
    """
    if not address.startswith(_LOCAL):
        return None
    number = address.removeprefix(_LOCAL)
    if not number.isdecimal() or int(number) < 1:
        raise UsageError(
            f"--dask {address}: not a number of workers. Use local:N, such as local:4."
        )
    return int(number)


def check_address(address: str, insecure: bool) -> None:
    """Check that the connection to a scheduler is encrypted or stays on this machine.

    A client that can connect to a Dask scheduler can execute code on the workers.

    Args:
        address: `tls://HOST:PORT`, `tcp://HOST:PORT`, `HOST:PORT` or `local:N`.
        insecure: whether to accept other hosts without TLS.

    Raises:
        UsageError: The address is invalid, or not encrypted.
    """
    if local_workers(address) is not None:
        return
    if "@" in address:
        raise UsageError("--dask: the address contains a user name. Use tls://HOST:PORT.")
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        port, host = parts.port, parts.hostname
    except ValueError:
        port, host = None, None
    if port is None or not host or parts.scheme not in ("tcp", "tls"):
        raise UsageError(
            f"--dask {address}: not the address of a Dask scheduler. "
            "Use tls://HOST:PORT, tcp://HOST:PORT or local:N."
        )
    if parts.scheme != "tls" and not is_loopback(host) and not insecure:
        raise UsageError(
            f"--dask {address}: the connection is not encrypted. Use tls://, "
            "or --insecure in a network that you trust."
        )


@contextmanager
def open_client(address: str) -> Iterator[Client]:
    """Yield a client of a cluster.

    For `local:N`, a cluster is started on this machine and stopped at the end of the `with` block.

    Args:
        address: address of a scheduler, or `local:N`.

    Raises:
        SystemSetupError: The scheduler does not respond, or no local workers start.
    """
    dask.config.set(_SETTINGS)
    for name in ("distributed", "distributed.client"):  # edgeseg reports errors itself
        logging.getLogger(name).setLevel(logging.CRITICAL)
    number = local_workers(address)
    if number is not None:
        with _start_local(number) as cluster, Client(cluster) as client:
            yield client
        return
    try:
        client = Client(address, timeout=_CONNECT_S)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise SystemSetupError(
            f"--dask {address}: no connection to a Dask scheduler ({one_line(error)}). "
            "Check the address and the TLS settings of Dask."
        ) from error
    with client:
        yield client


def _start_local(number: int) -> LocalCluster:
    """Start workers. TLS with temporary keys prevents access by other users of this machine.

    Dask restarts workers, but does not start the cluster if a worker ends during its first start.
    """
    for _ in range(_MAX_STARTS):
        try:
            return LocalCluster(
                n_workers=number,
                threads_per_worker=1,
                memory_limit=0,  # no limit; a worker is replaced after RECYCLE_AFTER photographs
                security=Security.temporary(),
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                silence_logs=logging.CRITICAL,
                preload=[_IGNORE_CTRL_C],
            )
        except RuntimeError as error:
            reason = one_line(error)
    raise SystemSetupError(
        f"--dask {_LOCAL}{number}: the workers do not start ({reason}). "
        "Use fewer workers, or free some memory."
    )
