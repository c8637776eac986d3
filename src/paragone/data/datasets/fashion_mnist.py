"""Fashion-MNIST: 70,000 pictures of Zalando's articles, 28x28, grey, in the layout of MNIST."""

from paragone.data import idx
from paragone.data.base import Loader, Request, Statistics, Upstream
from paragone.data.torchvision_compat import import_torchvision

MD5 = {  # of the decompressed files
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}
OTHERWISE = (
    "The Debian package dataset-fashion-mnist puts the four files into /usr/share/datasets/fashion-mnist; give the "
    "data set `source: local` and `path:` to that or another folder of them in params.yaml"
)


def local(request: Request) -> Upstream:
    assert request.path is not None
    return idx.local(request.path, MD5, len(LOADER.class_names))


def download(request: Request) -> Upstream:
    return idx.download(request, import_torchvision("torchvision.datasets").FashionMNIST, MD5, OTHERWISE)


LOADER = Loader(
    title="Fashion-MNIST",
    licence="MIT (Zalando SE)",
    citation="Xiao, Rasul, Vollgraf: Fashion-MNIST: a novel image dataset for benchmarking, 2017, arXiv:1708.07747",
    homepage="https://github.com/zalandoresearch/fashion-mnist",
    known_problems=(
        "People without training in fashion give 83.5 % of the images the set's label (its README).",
        "Files have the names of MNIST's: only their hashes tell the sets apart.",
    ),
    counts=idx.FULL,
    md5=MD5,
    class_counts={"train": (6000,) * 10, "test": (1000,) * 10},
    statistics=Statistics((0.2860,), (0.3530,), "over the published training split"),
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    sources={"local": local, "download": download},
)
