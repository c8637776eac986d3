"""The tables and figures of the studies `reproduce` and `orders`."""

from pathlib import Path

import pandas as pd

from paragone.report.studies import base
from paragone.results.runs import Results

ROWS = pd.DataFrame({"model": ["a", "b"], "title": ["A", "B"], "dataset": "here"})
RESULTS = Results(Path(), "p", "", [0], [], ROWS)
RUN = {"outcome": "finished", "reason": None, "kimg": 64, "seconds": 600.0}


def test_published_and_reproduced():
    clusters = [
        {**RUN, "seed": i, "clustering": {"error": e, "accuracy": 100 - e}} for i, e in enumerate((4.0, 5.0, 7.0))
    ]
    found = {
        "device": "CPU", "cpu": "a CPU", "sampling": {}, "size": {},
        "rows": {
            "infogan": clusters,
            "vae_400": [{**RUN, "seed": 0, "importance": {"nats": 91.0, "se": 0.5}}],
            "iwae": [{**RUN, "seed": 0, "outcome": "diverged", "reason": "nan"}],
        },
    }  # fmt: skip
    (grid,) = base.tables({"reproduce": found}, RESULTS)["reproduce"]
    lines = {line.cells[0].text: [cell.text for cell in line.cells] for line in grid.lines}
    infogan = lines["InfoGAN: classification error of the categorical code (%)"]
    assert infogan[2:8] == ["5", "5.33 ± 7.59", "3", "inside", "10 %", "10"]
    vae = lines["VAE (40-d, 784-400-40 MLP) (Pythae reproduction): NLL (nats)"]
    assert vae[2:8] == ["89.78 ± 0.01", "91.00 ± 0.98", "1", "outside", "0.256 %", "10"]
    notes = [line.cells[5].note for line in grid.lines if line.cells[5].text == "not run"]
    assert "seed 0 diverged: nan" in notes
    assert grid.caption[0].startswith(f"1 of {len(grid.lines)} inside, 1 outside, 0 with fewer than 3 seeds")
    (plot,) = base.draw({"reproduce": found}, RESULTS)["reproduce"]
    assert len(plot.figure.axes[0].get_yticklabels()) == 2


def test_orders():
    change = {"where": "clf", "a": "digits", "b": "clothes", "tau": 0.5, "low": 0.1, "high": 0.8, "n": 6, "kept": 0.75,
              "mover": "a", "moved": 3}  # fmt: skip
    found = {"figure": "fd", "comparisons": [{**change, "kind": "data sets"}, {**change, "kind": "seeds"}]}
    (grid,) = base.tables({"orders": found}, RESULTS)["orders"]
    assert [line.cells[0].text for line in grid.lines] == ["Other data sets", "data sets", "Other seeds", "seeds"]
    assert [c.text for c in grid.lines[1].cells[4:]] == ["0.50", "0.10 to 0.80", "6", "75", "A", "3"]
    (plot,) = base.draw({"orders": found}, RESULTS)["orders"]
    assert "Rank correlation" in plot.caption
    assert base.draw({"orders": {"figure": "fd", "comparisons": []}}, RESULTS)["orders"] == []
