"""The number of the protocol that figures were measured under. Figures of two protocols do not compare.

It counts up whenever the same images would score otherwise: another draw of the real images, another judge, another
number of samples. It stands in every metrics file and is printed with every table. Files without it are of protocol 1.

    1   one classifier of a data set judges; the floor's images, and the labels to sample, have each class's exact share
    2   several classifiers judge; images and labels are drawn at random
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROTOCOL = 2
PRINTED = f"Protocol {PROTOCOL}."  # with every table


def problem(file: Path | str, content: Mapping[str, Any], remedy: str) -> str | None:
    """What is wrong with a metrics file of another protocol, as one sentence; None for one of this protocol."""
    found = content.get("protocol", 1)
    if found == PROTOCOL:
        return None
    return f"{file}: is of protocol {found}, and figures are compared under protocol {PROTOCOL} here; {remedy}"
