"""The table in the terminal."""

import io

from rich.console import Console

from paragone.report import terminal


def test_it_shows_models_by_family_the_floor_and_the_protocol(project):
    out = io.StringIO()
    terminal.print_table(project.found, Console(file=out, width=150))
    text = out.getvalue()
    lines = text.splitlines()
    assert any("Real test images (floor)" in line and "0.80" in line for line in lines)
    assert any("DDPM" in line and "4.20 ± 0.50" in line and line.rstrip().endswith("finished") for line in lines)
    for part in ("FD-clf", "FD-Lite0", "KID-clf", "Density", "Coverage", "Training", "Sampling", "Adversarial",
                 "WGAN-GP: 1 of 3 diverged: seed 1: loss/critic became nan",
                 "VQ-VAE (uniform prior): failed: train: RuntimeError",
                 "1,000 samples a run", "3 seeds", "Test CPU"):  # fmt: skip
        assert part in text


def test_the_best_is_bold(project):
    out = io.StringIO()
    terminal.print_table(project.found, Console(file=out, width=150, force_terminal=True))
    assert "\x1b[1;32m 4.20 ± 0.50" in out.getvalue()
