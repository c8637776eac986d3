"""The surroundings of this process and its children, settled in one place and before torch is imported.

A stage's result depends on its inputs and settings alone. What a shell, dot files or a launcher say is replaced or
dropped where it could change or stop a stage, kept where it is meant for us (a server that is named, a proxy, a home),
and `paragone doctor` lists what was found.
"""

import codecs
import locale
import math
import os
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

DEFAULTS = {  # respected where they are set
    "DVC_NO_ANALYTICS": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 0.5 GB for the server in place of 2.4 GB
    "GX_ANALYTICS_ENABLED": "false",
}
FIXED = {  # whatever they are set to
    "OMP_NUM_THREADS": "1",  # one thread per process: two are slower under load and change results
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # cuBLAS repeats itself bit for bit only with a fixed workspace
    "MPLBACKEND": "Agg",  # a notebook's backend cannot be loaded here
    "PYTHONUTF8": "1",  # files are UTF-8, and so is what children print
}
LOCAL = ("127.0.0.1", "localhost", "::1")  # never through a proxy
SERVERS = {"PREFECT_": "PREFECT_API_URL", "MLFLOW_": "MLFLOW_TRACKING_URI"}  # settings count for a server that is named
HOMES = ("PREFECT_HOME", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")
STARTED_AS = "PARAGONE_STARTED_AS"  # for the one process that `paragone run` becomes, and no child of it
TORCHRUN = "TORCHELASTIC_RUN_ID"  # set by torchrun alone
LAUNCHER = re.compile(r"(LOCAL_|GROUP_|ROLE_)?(RANK|WORLD_SIZE)|ROLE_NAME|MASTER_(ADDR|PORT)|TORCHELASTIC_\w+")
DROPPED = {
    "where git looks": re.compile(
        r"GIT_(DIR|WORK_TREE|INDEX_\w+|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE|PREFIX|CONFIG"
        r"|CEILING_DIRECTORIES|QUARANTINE_PATH|SHALLOW_FILE|GRAFT_FILE|REPLACE_REF_BASE|DEFAULT_HASH|ATTR_\w+"
        r"|EXTERNAL_DIFF|(LITERAL|GLOB|NOGLOB|ICASE)_PATHSPECS)"
    ),
    "how numbers are computed": re.compile(
        r"(OMP|GOMP|KMP|MKL|OPENBLAS|BLIS|NUMEXPR|VECLIB|DNNL|ONEDNN)_\w+|ATEN_CPU_CAPABILITY|TORCH_ALLOW_TF32_\w+"
        r"|NVIDIA_TF32_OVERRIDE|TORCH_DETERMINISTIC|CUDA_LAUNCH_BLOCKING"
    ),
    "how Python runs": re.compile(r"PYTHON(IOENCODING|WARNINGS|OPTIMIZE|INSPECT|HOME|DEVMODE|DEBUG|PROFILEIMPORTTIME)"),
    "how plots look": re.compile(r"MATPLOTLIBRC|MPLSTYLE"),
}
SIZE = {"COLUMNS": 20, "LINES": 1}  # in less nothing can be read

neutralised: dict[str, str] = {}  # variable: what became of it, since this process started


def find_root(start: Path | None = None) -> Path:
    """The nearest folder upwards that holds params.yaml. Raises FileNotFoundError."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "params.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no params.yaml in {here} or above it; run paragone inside a project's folder")


def started_as() -> str | None:
    """What the user typed to start this process, if `paragone` started it: the name that its help and errors show."""
    return os.environ.pop(STARTED_AS, None)


def prepare(root: Path) -> None:
    """Settle every variable; servers and stores live inside the project unless others are named."""
    drop_sizes()
    for name, what in list(_unwanted()):
        _note(name, f"dropped ({what})")
        os.environ.pop(name, None)
    for name, value in FIXED.items():
        if os.environ.get(name, value) != value:
            _note(name, f"set to {value}")
        os.environ[name] = value
    values = DEFAULTS | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{root}/mlflow.db",
        "PREFECT_HOME": str(root / ".prefect"),
    }
    for name, value in values.items():
        os.environ.setdefault(name, value)
    _bypass_proxies()
    _print_anything()


def drop_sizes() -> None:
    """Forget a size that no terminal has, before anything is made to print: in 0 columns nothing would be."""
    for name, least in SIZE.items():
        value = os.environ.get(name)
        if value is not None and not (value.isdecimal() and int(value) >= least):
            _note(name, "dropped (no size of a terminal)")
            del os.environ[name]


def start_in_utf8() -> None:
    """Start again where Python would take files for anything but UTF-8; the terminal keeps its encoding."""
    encoding = locale.getencoding()
    if sys.flags.utf8_mode or codecs.lookup(encoding).name == "utf-8":
        return
    os.environ["PYTHONUTF8"] = "1"
    os.environ.setdefault("PYTHONIOENCODING", f"{encoding}:replace")
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def drop_launcher() -> None:
    """Forget that torchrun or another launcher started this process: what it starts is no rank of that."""
    for name in [name for name in os.environ if LAUNCHER.fullmatch(name)]:
        _note(name, "dropped (a launcher's)")
        del os.environ[name]


def _unwanted() -> Iterator[tuple[str, str]]:
    """The variables to drop, and what they are about."""
    launched = bool(os.environ.get(TORCHRUN))
    for name, value in os.environ.items():
        if not launched and LAUNCHER.fullmatch(name):
            yield name, "a launcher's, though torchrun did not start this"
        for what, pattern in DROPPED.items():
            if name not in FIXED and pattern.fullmatch(name):
                yield name, what
        for prefix, server in SERVERS.items():
            ours = name in DEFAULTS or name in HOMES or name == server or name in _set_here
            if name.startswith(prefix) and (not value or not (ours or os.environ.get(server))):
                yield name, "empty" if not value else f"of another server than ours, for which {server} is not set"
        if name.lower() == "all_proxy" and value.startswith("socks") and find_spec("socksio") is None:
            yield name, "SOCKS, for which socksio is missing"


_set_here: set[str] = set()  # settings of servers that this program chose itself


def choose(settings: dict[str, str]) -> None:
    """Set variables of our own servers, which `prepare` then leaves alone."""
    _set_here.update(settings)
    os.environ.update(settings)


def _bypass_proxies() -> None:
    for name in ("NO_PROXY", "no_proxy"):
        named = [host.strip() for host in os.environ.get(name, "").split(",") if host.strip()]
        if "*" not in named:
            os.environ[name] = ",".join(dict.fromkeys([*named, *LOCAL]))


def _print_anything() -> None:
    """Let no sign that a terminal cannot show end a stage."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace" if stream is sys.stdout else "backslashreplace")


def _note(name: str, what: str) -> None:
    neutralised.setdefault(name, what)


def quota() -> float:
    """The processors that a container may use at most, in cores; infinite where nothing limits them."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()  # cgroup v2
        return math.inf if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        pass
    try:
        limits = [int(Path(f"/sys/fs/cgroup/cpu/cpu.cfs_{name}_us").read_text()) for name in ("quota", "period")]
        return math.inf if limits[0] <= 0 else limits[0] / limits[1]
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf
