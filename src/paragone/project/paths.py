"""Where everything is, relative to the project's root. The one place that knows the layout on disk."""

from dataclasses import dataclass
from pathlib import Path

CODE = Path("runs/code.yaml")  # fingerprints of the code, by stage and by model


def profile(name: str) -> Path:
    """What a person writes of a profile."""
    return Path("profiles") / f"{name}.yaml"


def resolved(name: str) -> Path:
    """The same as the stages of a pipeline read it: checked, with what it takes over and every row written out."""
    return Path("runs") / name / "profile.json"


def prepared(dataset: str) -> Path:
    """The prepared data set: <split>/images.npy, manifest.parquet, dataset.json."""
    return Path("data/prepared") / dataset


def raw(dataset: str) -> Path:
    """Upstream files as downloaded."""
    return Path("data/raw") / dataset


def classifier(dataset: str) -> Path:
    """The classifiers trained on the real data, its judges: <judge>.safetensors each, classifier.json."""
    return Path("data/reference") / dataset / "classifier"


def reference(profile: str, dataset: str) -> Path:
    """Statistics and feature subsets of the real data, and the real-against-real floor."""
    return Path("data/reference") / dataset / profile


def validation(dataset: str) -> Path:
    return Path("reports/validation") / f"{dataset}.json"


def failed_validation(dataset: str) -> Path:
    """Not tracked: the result of a validation that stopped the pipeline; absent after a success."""
    return validation(dataset).with_suffix(".failed.json")


def card(loader: str) -> Path:
    """What is known of a data set, for readers: generated from its loader, and committed."""
    return Path("data/cards") / f"{loader}.md"


def trunk(profile: str, default: str) -> Path:
    """The pipeline file that holds a profile's trunk: the root's for the default profile."""
    return Path("dvc.yaml") if profile == default else Path("runs") / profile / "dvc.yaml"


def data_pipeline(dataset: str) -> Path:
    """The pipeline file of a data set that the default profile does not use."""
    return Path("runs/data") / dataset / "dvc.yaml"


def report(profile: str, default: str) -> Path:
    """The folder of a profile's report: reports/ itself for the default profile."""
    return Path("reports") if profile == default else Path("reports") / profile


def history(profile: str) -> Path:
    """Figures of a profile's earlier reports: a record, no output of a stage."""
    return Path("runs") / profile / "history.csv"


def study(profile: str, name: str) -> Path:
    """What a study of a profile measured."""
    return Path("runs") / profile / "studies" / f"{name}.json"


@dataclass(frozen=True)
class Run:
    """One (profile, data set, model, seed) and its files."""

    profile: str
    dataset: str
    model: str
    seed: int

    @property
    def branch(self) -> Path:
        """The folder of its (data set, model), which holds its dvc.yaml and dvc.lock."""
        return Path("runs") / self.profile / self.dataset / self.model

    @property
    def folder(self) -> Path:
        return self.branch / str(self.seed)

    @property
    def weights(self) -> Path:  # train: the finished model, self-contained
        return self.folder / "model.safetensors"

    @property
    def training(self) -> Path:  # train: outcome, budget, time, hardware, lineage
        return self.folder / "train.json"

    @property
    def curves(self) -> Path:  # train: losses by images seen
        return self.folder / "curves.csv"

    @property
    def samples(self) -> Path:  # sample: (n,H,W,C) uint8
        return self.folder / "samples.npy"

    @property
    def labels(
        self,
    ) -> Path:  # guest: (n,) int64, the classes that its samples were asked to be of; (0,) if none are known
        return self.folder / "labels.npy"

    @property
    def sample_grid(self) -> Path:  # sample: the first samples as one image
        return self.folder / "wall.png"

    @property
    def pictures(self) -> Path:  # sample: what else the model can show: classes.png
        return self.folder / "pictures"

    @property
    def sampling(self) -> Path:  # sample: throughput and latency
        return self.folder / "sampling.json"

    @property
    def metrics(self) -> Path:  # evaluate: every figure
        return self.folder / "metrics.json"

    @property
    def headline(self) -> Path:  # evaluate: the few figures that `dvc metrics show` prints
        return self.folder / "headline.json"

    @property
    def failure(self) -> Path:
        """Not tracked: why the last attempt at a stage of this run failed; absent after a success."""
        return self.folder / "failure.json"

    @property
    def usage(self) -> Path:
        """Not tracked: what the training used, by seconds."""
        return self.folder / "usage.csv"
