"""One page for a class, made from a report: rank the generators by eye, then open what was measured.

    python examples/teach_a_class.py reports/smoke lesson.html

The page shows the first samples of each row under a letter, in an order that gives nothing away; below are questions,
and the answers to unfold. It holds all that it shows, so that one file can be handed out.
"""

import base64
import html
import random
import sys
from pathlib import Path
from typing import Any

import pandas as pd

QUESTIONS = (
    "Rank the letters from the most to the least real. Which pair is the hardest to put in order?",
    "Which letter repeats itself? A score that only asks whether each image is real would not see it.",
    "One strip is real test images. Which, and what score do you expect it to get, if 0 is the best?",
    "Open the answers. Where do your order and the measured one differ, and which of the two do you trust?",
    "These figures come from one machine and few seeds. What would you have to run before you call two rows different?",
)
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Rank the generators</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
img {{ width: 100%; max-width: 34rem; image-rendering: pixelated; display: block; }}
td, th {{ padding: .2rem .8rem .2rem 0; text-align: left; }}
h2 {{ margin: 1.2rem 0 .2rem; font-size: 1rem; }}</style></head><body>
<h1>Which generator drew these?</h1><p>{title}. The first samples of each row, not selected.</p>
{strips}<ol>{questions}</ol><details><summary>Answers</summary><table><tr><th>Letter</th><th>Row</th><th>{distance}</th></tr>
{answers}</table></details></body></html>
"""


def rows(report: Path, dataset: str) -> list[dict[str, Any]]:
    """The rows of the main table that have samples and a distance: title, distance, picture."""
    table = pd.read_csv(report / "tables/main.csv")
    distance = next(name for name in table if name.startswith("fd_") and not name.endswith(("_ci95", "_samples")))
    found = []
    for row in table[table["dataset"] == dataset].to_dict("records"):
        name = "real" if row["model"] == "floor" else row["model"]
        strip = report / f"site/images/{dataset}-{name}-strip.webp"
        if strip.exists() and pd.notna(row[distance]):
            found.append({"title": row["title"], "distance": row[distance], "strip": strip, "space": distance})
    if not found:
        raise SystemExit(f"{report}: no row of {dataset} has samples and a distance; run the benchmark first")
    return sorted(found, key=lambda row: row["distance"])


def page(report: Path, dataset: str, seed: int = 0) -> str:
    """The lesson as HTML."""
    ranked = rows(report, dataset)
    shuffled = random.Random(seed).sample(ranked, len(ranked))
    letters = {row["title"]: chr(ord("A") + i) for i, row in enumerate(shuffled)}
    strips = "".join(
        f'<h2>{letters[row["title"]]}</h2><img alt="Samples of letter {letters[row["title"]]}" '
        f'src="data:image/webp;base64,{base64.b64encode(row["strip"].read_bytes()).decode()}">'
        for row in shuffled
    )
    answers = "".join(
        f"<tr><td>{letters[row['title']]}</td><td>{html.escape(row['title'])}</td><td>{row['distance']:,.2f}</td></tr>"
        for row in ranked
    )
    questions = "".join(f"<li>{question}</li>" for question in QUESTIONS)
    return PAGE.format(title=html.escape(dataset), strips=strips, questions=questions, answers=answers,
                       distance=ranked[0]["space"].replace("_", "-").upper())  # fmt: skip


def main() -> None:
    report = Path(sys.argv[1] if len(sys.argv) > 1 else "reports")
    out = Path(sys.argv[2] if len(sys.argv) > 2 else "lesson.html")
    dataset = str(pd.read_csv(report / "tables/main.csv")["dataset"].iloc[0])
    out.write_text(page(report, dataset), encoding="utf-8")
    print(f"the lesson: {out}")


if __name__ == "__main__":
    main()
