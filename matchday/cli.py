"""The command line: parses words, calls one verb, turns an error into one line and an exit code.

Exit codes: 0 good; 1 the answer is no (SLO missed); 2 bad input; 3 the environment failed; 4 the run is invalid or
was interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, Exit, TyperException

from balancer.errors import BalancerError
from matchday.errors import BAD_INPUT, ENVIRONMENT_FAILED, INVALID_RUN, MatchdayError
from scenarios.errors import ScenarioError
from sim.errors import SimError

_TYPER_INTERRUPTED = 130  # what typer makes of a KeyboardInterrupt

app = typer.Typer(
    name="matchday",
    epilog="Exit codes: 0 good, 1 the answer is no (SLO missed), 2 bad input, 3 the environment failed, 4 invalid run.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

ScenarioPath = Annotated[
    Path, typer.Argument(metavar="SCENARIO", help="A scenario directory, or its scenario.yaml.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON to stdout, all else to stderr.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of all randomness; the scenario's own when left out.")]
Replications = Annotated[int, typer.Option(min=2, max=10_000, help="Simulated futures behind each interval.")]
HAProxyPath = Annotated[
    Path | None, typer.Option("--haproxy", help="A HAProxy 2.6 or newer to run; the bundled 2.8 when left out.")
]
AsName = Annotated[str, typer.Option("--name", help="The kind cluster's name.")]
TargetName = Annotated[
    str, typer.Option("--target", metavar="local|kube", help="Processes of this machine, or a Kubernetes cluster.")
]
ContextName = Annotated[
    str | None,
    typer.Option("--context", help="With --target kube: the kubeconfig's context; kind-matchday when left out."),
]
Address = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="With --target kube: where the controller is reached from here.")
]
Owned = Annotated[
    bool,
    typer.Option("--i-own-this-host", help="Drive load at an --address that is neither loopback nor the context's."),
]
Processes = Annotated[int, typer.Option(min=0, max=64, help="Send from so many worker processes; 0: from one alone.")]
AbortOn = Annotated[
    str | None, typer.Option(metavar="SHARE:TIME", help="Give up when so many fail for so long, such as 20%:10s.")
]
MaxRate = Annotated[float | None, typer.Option("--max-rps", min=1, help="Refuse a schedule that is ever faster.")]
Live = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Show the run in Locust's web UI, such as 127.0.0.1:8089.")
]
OutDirectory = Annotated[
    Path | None, typer.Option("--out", help="Run directory, new or empty; runs/NAME-TIME when left out.")
]
CalibrationFile = Annotated[
    Path | None, typer.Option("--calibration", help="A calibration.json of this scenario to use as it is.")
]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Rehearse a traffic surge: predict it, drive it, compare."""
    if version:
        print(metadata.version("matchday"))
        raise Exit


@app.command(epilog="Example: `matchday check scenarios/quick`")
def check(scenario: ScenarioPath, as_json: AsJson = False) -> int:
    """Validate a scenario and its manifests and say what was understood."""
    from matchday.commands import check as verb

    return verb.run(scenario, as_json=as_json)


@app.command(
    epilog="Examples: `matchday predict scenarios/match-day --replications 50 --json`, "
    "`matchday predict scenarios/quick --precision 5%`"
)
def predict(
    scenario: ScenarioPath,
    seed: Seed = None,
    replications: Annotated[
        int | None, typer.Option(min=2, max=10_000, help="Simulated futures behind each interval; 20 when left out.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Go on until every median is known this well, such as 5%.")
    ] = None,
    max_replications: Annotated[
        int | None, typer.Option(min=10, max=10_000, help="With --precision: 200 when left out.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Processes; one for each core, or fewer, when left out.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="A Dask cluster that does the work instead.")
    ] = None,
    trace_requests: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write every request of the first future, a row each.")
    ] = None,
    calibration: CalibrationFile = None,
    as_json: AsJson = False,
) -> int:
    """Simulate the surge, without any target: from the declared workload, or from a calibration."""
    from matchday.commands import predict as verb

    futures = verb.Futures(replications, precision, max_replications, workers, scheduler)
    return verb.run(scenario, futures, seed=seed, calibration=calibration, trace=trace_requests, as_json=as_json)


@app.command(epilog="Example: `matchday calibrate scenarios/quick --out runs/monday`")
def calibrate(
    scenario: ScenarioPath,
    seed: Seed = None,
    out: OutDirectory = None,
    haproxy: HAProxyPath = None,
    target: TargetName = "local",
    context: ContextName = None,
    address: Address = None,
    owned: Owned = False,
    as_json: AsJson = False,
) -> int:
    """Measure the target at low load: service times, CPU per request, start-up times, lags."""
    from matchday.commands import calibrate as verb
    from matchday.targets.choice import choose

    choice = choose(target, haproxy=haproxy, context=context, address=address, owned=owned)
    return verb.run(scenario, choice, seed=seed, out=out, as_json=as_json)


@app.command(epilog="Example: `matchday rehearse scenarios/quick --out runs/before-the-final`")
def rehearse(
    scenario: ScenarioPath,
    seed: Seed = None,
    replications: Replications = 20,
    out: OutDirectory = None,
    haproxy: HAProxyPath = None,
    calibration: CalibrationFile = None,
    target: TargetName = "local",
    context: ContextName = None,
    address: Address = None,
    owned: Owned = False,
    processes: Processes = 0,
    abort_on: AbortOn = None,
    max_rps: MaxRate = None,
    live: Live = None,
    as_json: AsJson = False,
) -> int:
    """The whole loop: calibrate, freeze the prediction, drive the real surge, compare, report."""
    from matchday.commands import rehearse as verb
    from matchday.load import Driving
    from matchday.targets.choice import choose

    return verb.run(
        scenario,
        choose(target, haproxy=haproxy, context=context, address=address, owned=owned),
        Driving(processes, abort_on, max_rps, live),
        seed=seed,
        replications=replications,
        out=out,
        calibration=calibration,
        as_json=as_json,
    )


@app.command(epilog="Example: `matchday load scenarios/quick --to 127.0.0.1:8080 --processes 2`")
def load(
    scenario: ScenarioPath,
    to: Annotated[str, typer.Option(metavar="HOST:PORT", help="A server that is there; loopback, unless you own it.")],
    seed: Seed = None,
    out: OutDirectory = None,
    processes: Processes = 0,
    abort_on: AbortOn = None,
    max_rps: MaxRate = None,
    live: Live = None,
    owned: Owned = False,
    as_json: AsJson = False,
) -> int:
    """Send a scenario's load, or drive the users of its locustfile, and measure: no calibration, no prediction."""
    from matchday.commands import load as verb
    from matchday.load import Driving

    driving = Driving(processes, abort_on, max_rps, live, owned)
    return verb.run(scenario, to, driving, seed=seed, out=out, as_json=as_json)


@app.command(epilog="Examples: `matchday up`, `matchday up --context my-test-cluster --image IMAGE`")
def up(
    name: AsName = "matchday",
    context: Annotated[
        str | None, typer.Option(help="Install into this context's cluster instead of a kind cluster of ours.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of 127.0.0.1 that leads to the controller.")] = 8080,
    keep: Annotated[bool, typer.Option("--keep", help="Keep a cluster that did not come up, for a look.")] = False,
    image: Annotated[str | None, typer.Option(help="The controller's image; built from here when left out.")] = None,
    base_image: Annotated[str | None, typer.Option(help="What images are built on; a Python 3.11.")] = None,
    node_image: Annotated[str | None, typer.Option(help="The kind node's image; kind's own when left out.")] = None,
    metrics_server: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="metrics-server's image, where the cluster has none.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Make a kind cluster with the controller in it; `--context` installs into a cluster that is there."""
    from matchday.commands import up as verb

    wanted = verb.Wanted(name, context, port, keep, image, base_image, node_image, metrics_server)
    return verb.run(wanted, as_json=as_json)


@app.command(epilog="Example: `matchday down`")
def down(
    name: AsName = "matchday",
    context: Annotated[str | None, typer.Option(help="Remove only what `up --context` installed there.")] = None,
    as_json: AsJson = False,
) -> int:
    """Remove what `matchday up` made, and nothing else."""
    from matchday.commands import down as verb

    return verb.run(name, context, as_json=as_json)


@app.command(epilog="Example: `matchday compare runs/quick-20260101-120000`")
def compare(
    run_dir: Annotated[
        Path | None, typer.Argument(metavar="[RUN_DIR]", help="A run directory.", show_default=False)
    ] = None,
    prediction: Annotated[Path | None, typer.Option(help="A prediction.json, instead of RUN_DIR.")] = None,
    measurement: Annotated[Path | None, typer.Option(help="A measurement.json, instead of RUN_DIR.")] = None,
    as_json: AsJson = False,
) -> int:
    """Score a prediction against a measurement and rebuild the report."""
    from matchday.commands import compare as verb

    return verb.run(run_dir, prediction, measurement, as_json=as_json)


@app.command("hpa-dry-run", epilog="Example: `matchday hpa-dry-run --hpa hpa.yaml --samples syncs.jsonl`")
def hpa_dry_run(
    hpa: Annotated[Path, typer.Option(help="A file with one HorizontalPodAutoscaler (autoscaling/v2).")],
    samples: Annotated[Path, typer.Option(help="JSON lines, one HPA sync each.")],
    as_json: AsJson = False,
) -> int:
    """Say what the autoscaler would do at each recorded sync, and why."""
    from matchday.commands import hpa_dry_run as verb

    return verb.run(hpa, samples, as_json=as_json)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the only place where an error becomes a line on stderr and an exit code."""
    try:
        code = int(app(args=list(sys.argv[1:] if argv is None else argv), standalone_mode=False) or 0)
    except Exit as error:
        code = error.exit_code
    except TyperException as error:
        said = error.format_message()
        return _fail(said, BAD_INPUT) if said else BAD_INPUT  # without any word the help has been shown already
    except ScenarioError as error:
        return _fail(str(error), BAD_INPUT)
    except (BalancerError, SimError) as error:
        return _fail(str(error), ENVIRONMENT_FAILED)
    except MatchdayError as error:
        return _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, Abort):
        code = _TYPER_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has read enough
        return 0
    return _fail("interrupted", INVALID_RUN) if code == _TYPER_INTERRUPTED else code


def _fail(message: str, code: int) -> int:
    print(f"matchday: {message}", file=sys.stderr)
    return code


def run() -> None:
    """Entry point of the `matchday` script."""
    sys.exit(main())
