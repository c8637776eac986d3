"""Columns that each feature space has: distances, and neighbourhoods."""

from paragone.results.columns.base import Column
from paragone.results.space_names import fd_label, space_short


def distance(space: str) -> Column:
    short = space_short(space)
    remark = {"clf": "; the mean over judges", "DINOv2": "; not verified against the published weights"}.get(short, "")
    about = f"Fréchet distance between Gaussians fitted to real and generated features ({space}){remark}"
    source = f"metrics.spaces.{space}.fd"
    return Column(f"fd_{short.lower()}", fd_label(space), source, better="low", about=about, error=f"{source}_se")


def judged(spaces: list[str]) -> list[Column]:
    """How far the judges of the classifiers' space are apart."""
    about = "standard deviation of FD-clf over its judges: classifiers with different seeds and widths"
    return [
        Column("fd_clf_spread", "FD-clf over judges", f"metrics.spaces.{space}.spread.fd", about=about, setting=True)
        for space in spaces
        if space_short(space) == "clf"
    ]


def held_out(space: str) -> Column:
    short = space_short(space)
    label = f"{fd_label(space)} to test"
    about = f"Fréchet distance from the test split ({space}), which copying training images does not lower"
    return Column(f"fd_test_{short.lower()}", label, f"metrics.spaces.{space}.fd_test", better="low", about=about)


def at_infinity(space: str) -> Column:
    short = space_short(space)
    about = f"Fréchet distance extrapolated to infinitely many samples ({space}), which removes its bias"
    source = f"metrics.spaces.{space}.fd_infinity"
    return Column(f"fd_infinity_{short.lower()}", f"{fd_label(space)} at ∞", source, better="low", about=about)


def reconstructed(space: str) -> Column:
    short = space_short(space)
    label, source = f"{fd_label(space)} of reconstructions", f"metrics.reconstruction.fd.{space}"
    about = f"Fréchet distance of reconstructed test images ({space}): the best a prior can reach through the decoder"
    return Column(f"reconstructed_fd_{short.lower()}", label, source, better="low", about=about)


def kernel(space: str) -> Column:
    short = space_short(space)
    label = "KID" if space == "inception-2015" else f"KID-{short}"
    about = f"unbiased kernel distance between real and generated features ({space}); the headline at small n"
    source = f"metrics.spaces.{space}.kid"
    return Column(
        f"kid_{short.lower()}", label, source, unit="×10³", better="low", scale=1000, about=about, error=f"{source}_se"
    )


_NEIGHBOURS = {
    "precision": "share of samples inside the real images' neighbourhoods: fidelity",
    "recall": "share of real images inside the samples' neighbourhoods: diversity",
    "density": "how many real neighbourhoods hold a sample, on average: fidelity, robust to outliers",
    "coverage": "share of real images with a sample in their neighbourhood: diversity, robust to outliers",
}


def neighbours(space: str, named: bool = False) -> list[Column]:
    """Precision, recall, density, coverage; `named` puts the space into the label."""
    short = space_short(space)
    return [
        Column(
            f"{name}_{short.lower()}" if named else name,
            f"{name.capitalize()}-{short}" if named else name.capitalize(),
            f"metrics.spaces.{space}.{name}",
            better="high",
            digits=3,
            about=f"{about} (k = 5, {space})",
        )
        for name, about in _NEIGHBOURS.items()
    ]
