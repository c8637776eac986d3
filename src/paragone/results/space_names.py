"""What feature spaces and their Fréchet distances are called, and the order in which they stand."""


def space_short(space: str) -> str:
    """What a feature space is called in a header: "clf", "Lite0", "random", "DINOv2", "Inception"."""
    if space.startswith("clf-"):
        return "clf"
    known = {"lite0": "Lite0", "random": "random", "dinov2": "DINOv2", "inception": "Inception"}
    return known.get(space.partition("-")[0], space)


def space_rank(space: str) -> tuple[int, str]:
    """The rank of a feature space: the classifiers' first, then those that know no labels of the data, by name."""
    order = ("clf", "Lite0", "random", "DINOv2", "Inception")
    short = space_short(space)
    return (order.index(short) if short in order else len(order), space)


def fd_label(space: str) -> str:
    """The name of a Frechet distance. Only the 2015 Inception network's may be called FID."""
    return "FID" if space == "inception-2015" else f"FD-{space_short(space)}"
