"""The table in the terminal."""

import io

from rich.console import Console

from paragone.report import terminal


def test_it_shows_models_by_family_the_floor_and_the_protocol(project):
    out = io.StringIO()
    terminal.print_table(project.found, Console(file=out, width=150))
    text = out.getvalue()
    lines = text.splitlines()
    assert any("Real images (floor)" in line and "0.80" in line for line in lines)
    assert any("DDPM" in line and "4.20 ± 0.50" in line and line.rstrip().endswith("finished") for line in lines)
    for part in ("FD-clf", "FD-Lite0", "KID-clf", "Density", "Coverage", "Training", "Sampling", "Adversarial",
                 "WGAN-GP: 1 of 3 diverged: seed 1: loss/critic became nan",
                 "VQ-VAE (uniform prior): failed: train: RuntimeError",
                 "1,000 samples per run", "3 seeds", "Test CPU", "Protocol 2."):  # fmt: skip
        assert part in text


def test_the_best_is_bold(project):
    out = io.StringIO()
    terminal.print_table(project.found, Console(file=out, width=150, force_terminal=True))
    assert "\x1b[1;32m 4.20 ± 0.50" in out.getvalue()


def test_the_best_of_each_family_is_a_sentence(project):
    out = io.StringIO()
    terminal.print_table(project.found, Console(file=out, width=300))
    best = ["DCGAN (9.45; adversarial)", "VAE (12.60; variational autoencoders)",
            "VQ-VAE + prior (11.55; vector-quantised)", "DDPM (4.20; diffusion)"]  # fmt: skip
    assert f"Best FD-clf in each family: {', '.join(best)}." in out.getvalue()


def test_a_narrow_terminal_shows_fewer_figures_whole_and_names_the_rest(project):
    def shown(width: int) -> str:
        out = io.StringIO()
        terminal.print_table(project.found, Console(file=out, width=width))
        return out.getvalue()

    for width in (60, 80, 100, 120):
        text = shown(width)
        assert "\N{HORIZONTAL ELLIPSIS}" not in text
        assert max(map(len, text.splitlines())) <= width
        assert "FD-clf" in text
        assert "finished" in text
    assert "Too narrow for: " in shown(80)
    assert "Sampling (images/s)" in " ".join(shown(80).partition("Too narrow for: ")[2].split())
    assert "Too narrow" not in shown(150)


def test_what_holds_of_several_models_is_said_once(project):
    runs = project.found.runs.copy()
    late = (runs["dataset"] == "mnist-5k") & runs["model"].isin(["gan", "vae"]) & (runs["seed"] > 0)
    runs.loc[late, "outcome"], runs.loc[late, "reason"] = "not run", "its training has not run yet"
    out = io.StringIO()
    terminal.print_table(project.found._replace(runs=runs), Console(file=out, width=150))
    assert out.getvalue().count("GAN; VAE: 2 of 3 not run: seeds 1, 2: its training has not run yet") == 1
