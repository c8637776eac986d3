"""What a training draws along its way: a line of images for each share of the budget."""

import base64
import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from paragone.report.figures import Plot
from paragone.report.studies.base import row_titles, title
from paragone.results.runs import Json, Results


def plots(found: Json, results: Results) -> list[Plot]:
    """One figure for each row and data set that drew anything."""
    return [
        _plot(dataset, row, content, found["seed"], results)
        for dataset, rows in found["datasets"].items()
        for row, content in rows.items()
        if content["png"]
    ]


def _plot(dataset: str, row: str, content: Json, seed: int, results: Results) -> Plot:
    with Image.open(io.BytesIO(base64.b64decode(content["png"]))) as image:
        pixels = np.asarray(image.convert("RGB"))
    lines, height = len(content["kimg"]), len(pixels)
    figure = Figure(figsize=(7.2, 0.6 + 6.2 * height / pixels.shape[1]), layout="constrained")
    ax = figure.subplots()
    ax.imshow(pixels, interpolation="none")
    ax.set_yticks(
        [(i + 0.5) * (height + 1) / lines - 0.5 for i in range(lines)], [f"{k:,.3g}" for k in content["kimg"]]
    )
    ax.set(xticks=[], ylabel="thousand images seen")
    ax.grid(visible=False)
    ax.tick_params(length=0)
    name = row_titles(results).get(row, row)
    caption = (
        f"{name}: images of the same latents during one training run, seed {seed}, not selected. "
        f"{title(results, dataset)}."
        + ("" if content["outcome"] == "finished" else f" It diverged: {content['reason']}.")
        + ("" if content["same_weights"] else " Its final weights differ from those of the row's own run.")
    )
    return Plot(f"phases-{dataset}-{row}", f"{name} during training", caption, figure)
