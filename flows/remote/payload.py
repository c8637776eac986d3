"""What the coordinating machine and a worker hand each other about a unit: one (data set, model) folder of a profile.

Small text goes as it is (parts of dvc.lock, files that DVC does not cache); all else goes through DVC's remote.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

import yaml

from flows.dvc.graph import Graph
from paragone.project import addresses, files, pipeline, profiles, settings

SHARED = ("url", "endpointurl", "region", "profile", "use_ssl", "ssl_verify")  # of a remote: what is no secret
REMOTE = "units"  # what a worker calls the remote


class PayloadError(ValueError):
    """Something is missing that a unit needs on another machine, or a worker's answer is not what was asked for."""


class Payload(TypedDict):
    """What a worker needs, the code apart."""

    stages: list[tuple[str, list[str]]]  # in order; each with those of its inputs that are stages of the unit
    texts: dict[str, str]  # file: content
    pull: list[str]  # files, folders and stages of the unit to get from the remote
    remote: dict[str, str]  # its settings; credentials are the worker's own


class Answer(TypedDict):
    """What a worker hands back, after each stage what there is so far."""

    final: bool
    done: list[str]  # stages whose outputs are in the remote
    texts: dict[str, str]  # the unit's dvc.lock, and its files that DVC does not cache
    failures: dict[str, str]  # stage: the end of its log


def remote_settings(root: Path) -> dict[str, str]:
    """The default remote's settings that may travel. Raises PayloadError if there is none."""
    from dvc.config import Config

    config = Config.from_cwd() if root == Path.cwd() else Config(str(root / ".dvc"))
    name = config["core"].get("remote")
    if not name:
        raise PayloadError(
            "no DVC remote is configured, and workers meet there; run `dvc remote add --default NAME URL` first"
        )
    if name not in config["remote"]:
        raise PayloadError(f".dvc/config: core.remote names '{name}', and there is no such remote; add it")
    settings = config["remote"][name]
    shared = {key: str(settings[key]) for key in SHARED if key in settings}
    for key, value in shared.items():
        if addresses.holds_secret(value):
            raise PayloadError(
                f".dvc/config: the {key} of remote '{name}', {addresses.public(value)}, holds a password, which "
                "the server would store; take it out, and give each machine its own credentials"
            )
    return shared


def pack(
    root: Path, graph: Graph, unit: Iterable[str], remote: dict[str, str], done: Iterable[str] = ()
) -> tuple[Payload, list[str]]:
    """The payload of a unit's stages (in order), and the addresses whose outputs must be pushed to the remote first.

    done: stages that an earlier worker finished and pushed.
    """
    from dvc.repo import Repo, lock_repo

    os.chdir(root)
    stages = list(unit)
    packed = Payload(stages=[], texts={}, pull=[], remote=remote)
    entries: dict[Path, set[str]] = {}
    with Repo(str(root), _wait_for_lock=True) as repo, lock_repo(repo):
        known = {stage.addressing: stage for stage in repo.index.graph.nodes}
    current = [s for s in stages if s not in graph.changed]
    for address in stages:
        inside = graph.upstream[address] & set(stages)
        packed["stages"].append((address, sorted(inside)))
        wanted = {dep.fs_path for dep in known[address].deps}
        for upstream in graph.upstream[address] - inside:
            outs = known[upstream].outs
            _add(root, packed, [o for o in outs if any(_overlap(o.fs_path, path) for path in wanted)])
            entries.setdefault(graph.pipelines[upstream], set()).add(known[upstream].name)
    for file, names in entries.items():
        _add_lock(root, packed, file.with_name("dvc.lock"), names)
    extra = answer(root, graph.pipelines[stages[0]].parent)["texts"] if stages else {}
    packed["texts"] |= {path: text for path, text in extra.items() if not path.endswith("failure.json")}
    packed["pull"] += dict.fromkeys([*current, *done])
    above = {s for stage in stages for s in graph.upstream[stage]} - set(stages)
    return packed, sorted({*above, *current})


def _overlap(one: str, other: str) -> bool:
    return _within(one, other) or _within(other, one)


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(outer + os.sep)


def _add(root: Path, packed: Payload, outs: Iterable[Any]) -> None:
    for out in outs:
        path = str(Path(out.fs_path).relative_to(root))
        if not out.use_cache:
            packed["texts"][path] = Path(out.fs_path).read_text()
        elif path not in packed["pull"]:
            packed["pull"].append(path)


def _add_lock(root: Path, packed: Payload, lock: Path, names: set[str]) -> None:
    content = yaml.safe_load((root / lock).read_text())
    content["stages"] = {name: entry for name, entry in content["stages"].items() if name in names}
    packed["texts"][str(lock)] = yaml.safe_dump(content, sort_keys=False)


def answer(
    root: Path,
    branch: Path,
    *,
    done: Iterable[str] = (),
    failures: Mapping[str, str] | None = None,
    final: bool = False,
) -> Answer:
    """What there is to hand back of a unit's folder."""
    texts = {path: (root / path).read_text() for path in sorted(made_by(root, branch)) if (root / path).is_file()}
    return Answer(final=final, done=list(done), texts=texts, failures=dict(failures or {}))


def made_by(root: Path, folder: Path) -> set[str]:
    """The text files that the stages of a folder's dvc.yaml make: outputs that DVC does not cache, notes of failures,
    dvc.lock. Nothing else is handed from one machine to another."""
    stages = yaml.safe_load((root / folder / "dvc.yaml").read_text())["stages"]
    found = {str(folder / "dvc.lock")}
    for stage in stages.values():
        for seed in map(str, stage.get("foreach", [])):
            found |= {*_kept(stage["do"], seed), str(folder / seed / "failure.json")}
        found |= set(_kept(stage, ""))
    return found


def check_generated(root: Path, pipelines: Iterable[Path]) -> None:
    """Raise PayloadError for a pipeline (a path below root) that is not, to the letter, what `paragone pipeline` writes
    for this commit's profiles: its commands are run on every machine."""
    default = settings.read(root).profile
    chosen = {*pipeline.active(root, default), *(file.parts[1] for file in pipelines if file.parts[0] == "runs")}
    wanted = pipeline.generate(root, settings.load(root, *sorted(chosen & set(profiles.names(root)))))
    for file in sorted(pipelines):
        if (root / file).read_text(encoding="utf-8") != wanted.get(file):
            raise PayloadError(
                f"{file}: is not what `paragone pipeline` writes, so no machine runs it; run that command, and commit"
            )


def check(root: Path, packed: Payload) -> None:
    """Raise PayloadError for a text that no stage of this clone makes, or a word that DVC would take for an option: a
    worker writes what it is sent, and runs what it is told."""
    words = [*(stage for stage, _ in packed["stages"]), *packed["pull"], *packed["remote"].values()]
    if options := [word for word in words if word.startswith("-")]:
        raise PayloadError(f"the unit holds '{options[0]}', an option and no name; nothing was written")
    if unknown := sorted(set(packed["remote"]) - set(SHARED)):
        raise PayloadError(f"the unit's remote sets '{unknown[0]}', which none is sent; nothing was written")
    pipelines = [root / "dvc.yaml", *(root / "runs").rglob("dvc.yaml")]
    known = {path for file in pipelines if file.is_file() for path in made_by(root, file.parent.relative_to(root))}
    if foreign := sorted(set(packed["texts"]) - known):
        raise PayloadError(
            f"the payload holds '{foreign[0]}', which no stage of this commit makes; nothing was written"
        )


def _kept(stage: Mapping[str, Any], seed: str) -> list[str]:
    """The outputs of a stage that DVC does not cache."""
    outs = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    return [
        path.replace("${item}", seed)
        for out in outs
        if isinstance(out, dict)
        for path, options in out.items()
        if options.get("cache") is False
    ]


def place(root: Path, branch: Path, found: Answer) -> None:
    """Put a worker's files where they belong, dvc.lock last. Raises PayloadError for one that is not the unit's."""
    texts = dict(found["texts"])
    for path in sorted(set(texts) - made_by(root, branch)):
        raise PayloadError(f"{branch}: a worker hands back '{path}', which its stages do not make; nothing was placed")
    lock = texts.pop(str(branch / "dvc.lock"), None)
    if lock is not None and not isinstance((yaml.safe_load(lock) or {}).get("stages"), dict):
        raise PayloadError(f"{branch}: a worker's dvc.lock is not whole; nothing was placed")
    for path, text in texts.items():
        files.write_text(root / path, text)
    if lock is not None:
        files.write_text(root / branch / "dvc.lock", lock)
