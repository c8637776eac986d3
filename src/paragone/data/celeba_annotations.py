"""CelebA's annotations: the published text files, or the csv files of Kaggle's copy."""

import io
from typing import NamedTuple

import numpy as np
import pandas as pd

from paragone.data.base import DatasetError

SIZE = (178, 218)  # width, height of the aligned pictures
PEOPLE = 10_177
NAMES = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair "
    "Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male "
    "Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks "
    "Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace "
    "Wearing_Necktie Young"
)
ATTRIBUTES = tuple(NAMES.split())
POINTS = tuple(
    f"{point}_{axis}" for point in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in "xy"
)


class Kind(NamedTuple):
    """One of the files of annotations."""

    columns: tuple[str, ...]  # as its header names them
    headed: bool  # the published text file has a header
    values: tuple[int, int]  # least and greatest there may be
    needed: bool
    names: tuple[str, ...]  # in the manifest


ANNOTATIONS = {  # by name of the file, without its suffix
    "list_eval_partition": Kind(("partition",), False, (0, 2), True, ()),
    "list_attr_celeba": Kind(ATTRIBUTES, True, (-1, 1), True, ATTRIBUTES),
    "identity_CelebA": Kind(("identity",), False, (1, PEOPLE), False, ("identity",)),
    "list_landmarks_align_celeba": Kind(POINTS, True, (-SIZE[1], 2 * SIZE[1]), False, POINTS),
    "list_bbox_celeba": Kind(
        ("x_1", "y_1", "width", "height"), True, (0, 20_000), False, ("bbox_x", "bbox_y", "bbox_width", "bbox_height")
    ),
}


def read(where: str, data: bytes, kind: Kind) -> pd.DataFrame:
    """A row a picture, columns named as in the manifest. Raises DatasetError for what is not CelebA's."""
    csv = where.endswith(".csv")
    head = data.split(b"\n", 2)[: 1 if csv else 2]
    header = head[-1].decode(errors="replace").replace(",", " ").split() if csv or kind.headed else list(kind.columns)
    header = header[header[:1] == ["image_id"] :]  # in every csv and in the published bounding boxes
    if tuple(header) != kind.columns:
        raise DatasetError(f"{where}: its header does not name {kind.columns[0]} ...; put CelebA's own file there")
    try:
        frame = pd.read_csv(
            io.BytesIO(data),
            sep="," if csv else r"\s+",
            header=None,
            skiprows=1 if csv else 2 * kind.headed,
            names=["picture", *kind.columns],
            index_col="picture",
            dtype={"picture": str},
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise DatasetError(f"{where}: cannot be read ({' '.join(str(error).split())}); get it again") from None
    if kind.headed and not csv and head[0].strip() != str(len(frame)).encode():
        raise DatasetError(
            f"{where}: declares {head[0].decode(errors='replace').strip()} rows, holds {len(frame)}; get it again"
        )
    if frame.index.has_duplicates:
        raise DatasetError(f"{where}: {frame.index[frame.index.duplicated()][0]} appears in it twice; get it again")
    return _checked(where, frame, kind)


def _checked(where: str, frame: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    """Whole numbers within their range; an attribute is -1 or 1."""
    least, most = kind.values
    numbers = frame.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    good = (numbers >= least) & (numbers <= most) & (numbers == np.floor(numbers))
    if kind.columns == ATTRIBUTES:
        good &= numbers != 0
    if not good.all():
        row, column = np.argwhere(~good)[0]
        known = "-1 or 1" if kind.columns == ATTRIBUTES else f"a whole number from {least} to {most}"
        more = f" ({(~good).sum() - 1:,} more such values)" if (~good).sum() > 1 else ""
        raise DatasetError(
            f"{where}: {frame.index[row]}: {kind.columns[column]}: {frame.iloc[row, column]} is not {known}{more}; "
            "get the file again"
        )
    return pd.DataFrame(numbers.astype(np.int64), frame.index, pd.Index(kind.names or kind.columns))
