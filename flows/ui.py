"""`make ui`: mirror the runs into MLflow and serve its pages, until Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Annotated

import typer

from flows.prefect_server import server
from flows.run.plan import enter
from flows.run.processes import Guard, tail
from flows.run.progress import console
from paragone.project import addresses, environment, settings
from paragone.report.tracking import view

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    profile: Annotated[
        str, typer.Option(help="The profile whose runs to mirror first; default: that of params.yaml.")
    ] = "",
    port: Annotated[int, typer.Option(help="Where MLflow listens, on this machine only.")] = 5000,
) -> None:
    """Mirror a profile's runs into the MLflow store and open its pages; Ctrl-C stops the server."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        show(environment.find_root(), profile, port)
    except (ValueError, OSError, RuntimeError) as error:
        console.print(f"ui: {error}", style="red")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("Stopped.")
        raise typer.Exit(130) from None


def show(root: Path, profile: str, port: int) -> None:
    """Serve until the server ends. Raises ValueError where it cannot start, RuntimeError when it ended."""
    enter(root)
    server.check_free(port)
    if subprocess.run(["paragone", "track", *([profile] if profile else [])], cwd=root, check=False).returncode:
        raise RuntimeError("the runs could not be mirrored, for the reason above")
    store = os.environ["MLFLOW_TRACKING_URI"]
    if not store.startswith("sqlite:"):
        console.print(f"The runs are at {addresses.public(store)}, which MLFLOW_TRACKING_URI names.")
        return
    log, url = root / ".logs/mlflow-server.log", f"http://{server.LOOPBACK}:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--host", server.LOOPBACK]
    command += ["--default-artifact-root", str(root / "mlartifacts"), "--port", str(port)]
    command += ["--allowed-hosts", f"{server.LOOPBACK}:{port},localhost:{port}", "--cors-allowed-origins", url]
    with Guard() as guard:
        process = guard.start(command, root, log)
        deadline = time.monotonic() + server.START
        while process.poll() is None and not server.answers(f"{url}/health"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"MLflow did not start; the end of {log}:\n{tail(log)}")
            time.sleep(0.2)
        if process.poll() is None:
            console.print(f"MLflow is at {url}; Ctrl-C stops it.")
            if page := runs_page(url, profile or settings.read(root).profile):
                console.print(f"The runs by distance and time: {page}", soft_wrap=True)
        process.wait()
    raise RuntimeError(f"MLflow's server ended; the end of {log}:\n{tail(log)}")


def runs_page(server_url: str, profile: str) -> str | None:
    """Where a server shows a profile's runs with their distances and times; None where it has none."""
    name = urllib.parse.urlencode({"experiment_name": f"paragone/{profile}"})
    try:
        asked = f"{server_url}/api/2.0/mlflow/experiments/get-by-name?{name}"
        with urllib.request.urlopen(asked, timeout=server.SLOW) as reply:
            return view.address(server_url, json.load(reply)["experiment"]["experiment_id"])
    except (OSError, ValueError, KeyError):
        return None


if __name__ == "__main__":
    environment.start_in_utf8()
    app(prog_name=environment.started_as())
