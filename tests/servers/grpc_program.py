"""A gRPC server with the health service, as Google's library has them: `python -m tests.servers.grpc_program ...`.

The arguments are a port with the health service, one without, one with it inside TLS, and the certificate and the key.
A program and not a thread of the test: grpcio's threads and the forks of other tests do not go together.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

STATUS = health_pb2.HealthCheckResponse


def main(healthy: str, plain: str, secure: str, certificate: str, key: str) -> None:
    """Serve until killed."""
    statuses = health.HealthServicer()
    statuses.set("", STATUS.SERVING)
    statuses.set("shop", STATUS.SERVING)
    statuses.set("sick", STATUS.NOT_SERVING)
    statuses.set("new", STATUS.UNKNOWN)
    with_health, without = grpc.server(ThreadPoolExecutor(2)), grpc.server(ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(statuses, with_health)
    with_health.add_insecure_port(f"127.0.0.1:{healthy}")
    without.add_insecure_port(f"127.0.0.1:{plain}")
    pair = (Path(key).read_bytes(), Path(certificate).read_bytes())
    with_health.add_secure_port(f"127.0.0.1:{secure}", grpc.ssl_server_credentials([pair]))
    without.start()
    with_health.start()
    with_health.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
