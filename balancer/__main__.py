"""`python -m balancer proxy|controller`: the two programs of the ingress controller's pod."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from balancer.errors import BalancerError
from balancer.guard import guarded
from balancer.haproxy.binary import find_binary
from balancer.haproxy.supervisor import Supervisor, serve_health
from balancer.kube.reference import CONTROLLER

_READY_PORT = 8405


def main(argv: list[str] | None = None) -> int:
    """Run one of the two until SIGTERM; 0 at a proper end, 2 for a wrong word, 3 when the environment does not allow it."""
    arguments = _parser().parse_args(argv)
    return _answerable(arguments.run, arguments)


def _answerable(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """The only place where an error becomes a line and an exit code."""
    try:
        return run(arguments)
    except BalancerError as error:
        print(f"balancer: {error}", file=sys.stderr)
        return 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m balancer", description=__doc__)
    verbs = parser.add_subparsers(required=True)
    proxy = verbs.add_parser("proxy", help="run HAProxy and keep it alive")
    proxy.add_argument("--directory", type=Path, required=True, help="shared with the controller")
    proxy.add_argument("--drain", type=_seconds, default=5.0, help="from SIGTERM until new connections are refused")
    proxy.add_argument("--grace", type=_seconds, default=50.0, help="how long requests may then take to finish")
    proxy.add_argument("--ready-port", type=int, default=_READY_PORT, help="of /readyz and /healthz")
    proxy.set_defaults(run=_proxy)
    controller = verbs.add_parser("controller", help="watch the API server and drive HAProxy")
    controller.add_argument("--directory", type=Path, required=True, help="shared with the proxy")
    controller.add_argument("--http-port", type=int, default=8080)
    controller.add_argument("--https-port", type=int, default=8443)
    controller.add_argument("--exporter-port", type=int, default=8404, help="of HAProxy's own metrics")
    controller.add_argument("--status-port", type=int, default=8406, help="of /readyz, /healthz, /metrics and /load")
    controller.add_argument("--metrics-api-port", type=int, default=8407, help="of external.metrics.k8s.io; 0 for none")
    controller.add_argument("--ingress-class", default="matchday", help="as old Ingresses name it in an annotation")
    controller.add_argument(
        "--controller-name", default=CONTROLLER, help="which IngressClasses are ours: those with this spec.controller"
    )
    controller.add_argument("--service", default="matchday-balancer", help="our own Service, in our own namespace")
    controller.add_argument(
        "--publish-address", action="append", default=[], help="for status.loadBalancer; repeat for several"
    )
    controller.add_argument("--allow-snippets", action="store_true", help="let annotations write configuration lines")
    controller.add_argument("--context", help="of the kubeconfig, outside of a cluster")
    controller.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    controller.set_defaults(run=_controller)
    return parser


def _seconds(text: str) -> float:
    number = text.removesuffix("s")
    if not number.replace(".", "", 1).isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: seconds, such as 5s")
    return float(number)


def _proxy(arguments: argparse.Namespace) -> int:
    supervisor = Supervisor(find_binary(), arguments.directory, drain_s=arguments.drain, grace_s=arguments.grace)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    try:
        health = serve_health(supervisor, arguments.ready_port)
    except OSError as error:
        raise BalancerError(f"cannot listen on port {arguments.ready_port}: {error.strerror}") from error
    supervisor.run()
    health.shutdown()
    return 0


def _controller(arguments: argparse.Namespace) -> int:
    return guarded(lambda: _answerable(_run_controller, arguments))


def _run_controller(arguments: argparse.Namespace) -> int:
    from balancer.kube.run import Settings, run  # noqa: PLC0415 - the proxy container never loads the client

    settings = Settings(
        directory=arguments.directory,
        http_port=arguments.http_port,
        https_port=arguments.https_port,
        exporter_port=arguments.exporter_port,
        status_port=arguments.status_port,
        metrics_api_port=arguments.metrics_api_port,
        ingress_class=arguments.ingress_class,
        controller_name=arguments.controller_name,
        namespace=os.environ.get("POD_NAMESPACE", "matchday"),
        pod=os.environ.get("POD_NAME", "matchday-balancer"),
        pod_ip=os.environ.get("POD_IP", ""),
        host_ip=os.environ.get("HOST_IP", ""),
        service=arguments.service,
        publish_addresses=tuple(arguments.publish_address),
        allow_snippets=arguments.allow_snippets,
        context=arguments.context,
        log_level=arguments.log_level,
    )
    return run(settings)


if __name__ == "__main__":
    sys.exit(main())
