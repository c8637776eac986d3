"""What a light install leaves out: the packages of each extra of pyproject.toml, and the command that adds them."""

from collections.abc import Iterable
from importlib.util import find_spec

EXTRAS = {  # extra: the names under which its packages are imported
    "pipeline": ("dvc", "prefect", "fastapi", "sqlalchemy", "mlflow", "great_expectations"),
    "studies": ("art", "sklearn", "imwatermark"),
    "s3": ("dvc_s3",),
    "celeba": ("gdown",),
}


class MissingExtraError(ValueError):
    """Something is asked for whose packages are not installed."""


def explain(error: BaseException) -> str | None:
    """The sentence for an import that failed because an extra is not installed; None for any other error."""
    name = (getattr(error, "name", None) or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    extra = next((extra for extra, names in EXTRAS.items() if name in names), None)
    return None if extra is None or _is_there(name) else _sentence([name], extra)


def require(extra: str) -> None:
    """Raise MissingExtraError, naming the command that installs it, if a package of this extra is missing."""
    if missing := [name for name in EXTRAS[extra] if not _is_there(name)]:
        raise MissingExtraError(_sentence(missing, extra))


def command(extra: str) -> str:
    """What installs an extra."""
    return f"pip install 'paragone[{extra}]'"


def _is_there(name: str) -> bool:
    return find_spec(name) is not None


def _sentence(names: Iterable[str], extra: str) -> str:
    return f"this needs {', '.join(names)}, which a light install leaves out; {command(extra)} adds what is missing"
