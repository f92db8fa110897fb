"""Locust's web UI with a tab of ours: the routes, who may ask for what, and what the buttons of Locust do to a run.

The front end of Locust makes an element of the name that an extended tab gives as its component. Ours is called
`matchday-live`; one script, put into Locust's page, defines it. docs/live.md tells why it is done this way.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, render_template, request
from gevent import pywsgi
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_SPAWNING
from locust.web import WebUI
from werkzeug.wrappers import Response as BaseResponse

from loadgen.errors import LoadError
from loadgen.live.predicted import read_predicted
from loadgen.live.replicas import ReplicaTail
from loadgen.live.seconds import Seconds
from loadgen.live.view import View
from scenarios.traffic import PhaseSpan, load_schedule

TAB = "matchday"
_PAGES = ("locust.index", TAB)
_ACTS = ("locust.stop", "locust.swarm", "locust.update_user", "locust.reset_stats")
_ONE_RUN = "A rehearsal is one schedule, and it is frozen: start another with matchday."
# Locust's own page has its settings in an inline script, and styles that it writes while it runs.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
)


def attach(
    environment: Environment,
    host: str,
    port: int,
    run_dir: Path | None = None,
    *,
    name: str = "surge",
    phases: Sequence[PhaseSpan] = (),
    stop: Callable[[], object] | None = None,
) -> View:
    """Serve Locust's web UI for the environment's runner at host:port, and give the view to feed.

    What is in `run_dir` is shown: the prediction, the replicas, and the schedule and records of the load called `name`,
    without which a second shows what was answered in it, not what was meant for it. `phases` stand in for a prediction's.
    Locust's stop button calls `stop`; left out, this process gets a SIGTERM. LoadError when the address cannot be had.
    """
    view = View(phases=phases) if run_dir is None else _view(run_dir, name, phases)
    ui = environment.web_ui = _WebUI(environment, host, port, delayed_start=True)
    ui.template_args["extended_tabs"] = [{"title": TAB, "key": TAB, "component": "matchday-live"}]
    app = ui.app
    assert app is not None
    _routes(ui, app, view)
    _buttons(app, stop or (lambda: os.kill(os.getpid(), signal.SIGTERM)))
    _guard(app, local=_is_loopback(host))
    # Locust would open the port in a greenlet of its own, where a port that is taken is a line in a log.
    ui.server = pywsgi.WSGIServer((host, port), app, log=None, error_log=logging.getLogger(__name__))
    try:
        ui.server.start()
    except OSError as error:
        # gevent adds the address to the reason
        reason = str(error.strerror or error).partition(": (")[0]
        raise LoadError(f"--live: {host}:{port}: {reason}") from None
    return view


def _view(run_dir: Path, name: str, phases: Sequence[PhaseSpan]) -> View:
    schedule, seconds = run_dir / f"{name}-schedule.npz", None
    if schedule.is_file():
        planned = load_schedule(schedule)
        phases = phases or planned.phases
        seconds = Seconds(planned.intended_s, run_dir / f"{name}.records")
    return View(read_predicted(run_dir), ReplicaTail(run_dir / "replicas.jsonl"), phases, seconds)


class _WebUI(WebUI):
    """Locust's, in a process whose command line is not Locust's: it would read it, and end the process over it."""

    def update_template_args(self) -> None:
        """What Locust's page is told of the run."""
        words, sys.argv = sys.argv, sys.argv[:1]
        try:
            super().update_template_args()  # type: ignore[no-untyped-call]
        finally:
            sys.argv = words


def _routes(ui: _WebUI, app: Flask, view: View) -> None:
    assets = files("loadgen.live") / "assets"
    style, code, alone = (assets.joinpath(name).read_text("utf-8") for name in ("live.css", "live.js", "alone.html"))
    script = f"const STYLE = {json.dumps(style)};\n{code}"

    def index() -> BaseResponse | str:
        if "tab" not in request.args:
            return app.redirect(f"./?tab={TAB}")
        ui.update_template_args()
        # A runner that waits for its moment shows Locust's form for a new test, and no tabs.
        waits = ui.template_args["state"] == STATE_INIT
        arguments = ui.template_args | ({"state": STATE_SPAWNING} if waits else {})
        page = render_template("index.html", template_args=arguments)
        return page.replace("</head>", '<script src="./matchday/live.js" defer></script></head>', 1)

    app.view_functions["locust.index"] = index
    app.add_url_rule("/matchday", TAB, lambda: Response(alone, mimetype="text/html"))
    app.add_url_rule("/matchday/live.js", "live.js", lambda: Response(script, mimetype="text/javascript"))
    app.add_url_rule(
        "/matchday/data",
        "data",
        lambda: Response(view.answer(request.args.get("since", "")), mimetype="application/json"),
    )


def _buttons(app: Flask, stop: Callable[[], object]) -> None:
    def stop_run() -> Response:
        stop()
        return jsonify({"success": True, "message": "The run is being stopped"})

    def refuse() -> Response:
        return jsonify({"success": False, "message": _ONE_RUN})

    app.view_functions["locust.stop"] = stop_run
    app.view_functions["locust.swarm"] = app.view_functions["locust.update_user"] = refuse


def _guard(app: Flask, *, local: bool) -> None:
    """No page from elsewhere may ask for anything, and only this machine may stop a run."""

    def before() -> Response | None:
        name = urlsplit(f"//{request.host}").hostname or ""
        if local and not _is_loopback(name):
            return Response("this page is served to this machine only\n", 403)  # a name that someone points here
        came = request.headers.get("Sec-Fetch-Site", "none")
        origin = request.headers.get("Origin")
        foreign = came not in {"same-origin", "none"} or origin not in {None, request.host_url.rstrip("/")}
        if foreign and not (request.endpoint in _PAGES and request.method == "GET" and origin is None):
            return Response("not for other pages\n", 403)
        if request.endpoint in _ACTS and not _is_loopback(request.remote_addr or ""):
            return Response("only from the machine that runs it\n", 403)
        return None

    def after(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.before_request(before)
    app.after_request(after)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
