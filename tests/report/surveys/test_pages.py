"""The surveys' pages: a cell is a figure or says why there is none; Markdown and LaTeX are whole."""

import re
from pathlib import Path

import pytest
from PIL import Image

from paragone.evaluation.intervals import Interval
from paragone.project import registry
from paragone.report import tables
from paragone.report.claims import verdicts
from paragone.report.render import Grid
from paragone.report.studies.base import draw
from paragone.report.surveys import base, zhao
from paragone.report.surveys import pages as survey_pages
from paragone.report.surveys import systems as surveys
from paragone.report.surveys.pages import SurveyPage
from paragone.results.claims.base import SURVEYS, Bounds, Effect, Finding, Verdict, above, below
from paragone.results.columns.quality import TRANSLATION


@pytest.fixture(scope="module")
def built(project):
    return {d.name: tables.build(project.found, d) for d in project.found.datasets}


@pytest.fixture(scope="module")
def pages(project, built) -> dict[str, SurveyPage]:
    return _pages(project.found, built, project.params)


def _pages(found, built, params) -> dict[str, SurveyPage]:
    assessments, studies = verdicts.assess(found, params), verdicts.studies(found.root, params, found.profile)
    return {page.survey: page for page in survey_pages.pages(found, built, assessments, studies, draw(studies, found))}


def grid(page: SurveyPage, title: str) -> Grid:
    (found,) = (g for section in page.sections for g in section.grids if g.title == title)
    return found


def rows(found: Grid) -> dict[str, dict[str, str]]:
    """The cells of each line under its headers, by the first."""
    lines = [line.cells for line in found.lines if line.kind != "heading"]
    return {cells[0].text: dict(zip(found.headers, (c.text for c in cells), strict=True)) for cells in lines}


def test_there_is_a_page_a_survey_in_order_and_every_table_is_rectangular(pages):
    assert list(pages) == list(SURVEYS)
    for page in pages.values():
        for found in (g for section in page.sections for g in section.grids):
            assert found.lines, found.title
            assert len(found.headers) == len(found.abouts) == len(found.numeric)
            assert {len(line.cells) for line in found.lines if line.kind != "heading"} == {len(found.headers)}
            for i in (i for i, header in enumerate(found.headers) if header == "Verdict"):
                assert {line.cells[i].text for line in found.lines if line.kind == "model"} <= set(Verdict)


def test_what_the_files_name_exists():
    ids = {verdicts.number_of(name) for name in registry.names("claims")}
    systems = set(surveys.systems()["system"])
    models, asked = base.read("hu_models.csv"), base.read("poudel.csv")
    challenges = base.read("hu_challenges.csv")
    assert {row["system"] for row in models} <= systems
    named = [row["claim"] for row in models] + [c for row in challenges + asked for c in row["claims"].split()]
    assert {token.split(":")[0] for token in named} <= ids


def test_every_key_of_the_files_is_a_column(project, built):
    sources = base.gather(project.found, built, [], {}, {})
    known = set(sources.measured[0].columns) | {base.STATE, base.DISTANCE}
    keys = [row["key"] for row in base.read("hu_challenges.csv") if row["key"]]
    for name in ("hu_models.csv", "poudel.csv"):
        keys += [t.rpartition(":")[2] for row in base.read(name) for t in row["figures"].split()]
    assert set(keys) <= known


def test_samples_stand_in_the_order_of_the_chain(project, built, pages, monkeypatch):
    assert pages["zhao"].sections[0].pictures == []  # of three systems, this profile has DCGAN alone
    monkeypatch.setattr(zhao, "CHAIN", {"VAE": ("", "C01"), "DCGAN": ("", "C03")})
    sources = base.gather(project.found, built, [], {}, {})
    shown = zhao._shown(sources.measured[0], sources)
    assert [p.title for p in shown] == ["Real test images", "VAE, seed 0", "DCGAN, seed 0"]


def test_lis_figures_have_the_tables_numbers_and_the_sample_grids(pages, built):
    found = rows(grid(pages["li"], "GAN beside VAE: MNIST-5K"))
    assert list(found) == [tables.FLOOR, "GAN", "DCGAN", "VAE"]
    cell = next(r for r in built["mnist-5k"][0].rows if r.model == "vae").cells["fd_clf"]
    assert found["VAE"]["FD-clf ↓"] == f"{cell.mean:.2f} ± {cell.half:.2f}"
    assert found["VAE"]["Seeds"] == "3/3"
    pictures = pages["li"].sections[0].pictures
    assert [p.title for p in pictures] == ["Real test images", "GAN, seed 0", "DCGAN, seed 0", "VAE, seed 0"]
    assert {p.image.size for p in pictures} == {(10 * 33 - 1, 5 * 33 - 1)}


def test_a_figure_whose_data_set_is_not_there_says_why(pages):
    for cells in rows(grid(pages["li"], "GAN beside VAE: CelebA")).values():
        assert cells["Status"].startswith("not measured here: profile quick has only MNIST-5K, FASHION-MNIST")


def test_lis_data_sets_say_what_can_be_had_and_what_is_here(pages):
    found = rows(grid(pages["li"], "Data sets of the survey"))
    assert len(found) == 9
    assert found["MNIST"]["In this profile"].startswith("yes: MNIST-5K, 32 × 32 pixels")
    assert "5,000 of the 70,000 images" in found["MNIST"]["In this profile"]
    assert "23 of 24 runs finished" in found["MNIST"]["In this profile"]
    assert found["CelebA"]["In this profile"] == "no"
    assert "withdrawn by its authors" in found["Tiny Images (withdrawn)"]["Licence"]


def test_hus_models_stand_beside_the_surveys_numbers(pages):
    found = rows(grid(pages["hu"], "Each model's strength and limit, as the survey sees them and as measured here"))
    slow = found["draws far more slowly than a GAN"]
    assert slow["Its number (another protocol)"] == "about 1000 times"
    assert slow["Our figures"].startswith("MNIST-5K: Latency of DDPM 1,000.0 ms; Sampling of DDPM 9 images/s")
    assert "FASHION-MNIST: no Latency of DDPM (not run)" in slow["Our figures"]
    assert (slow["Claim"], slow["Verdict"]) == ("C20", "not yet measured")
    crash = found['its samples collapse often ("crash rate")']
    assert crash["Verdict"] == "not yet measured"  # the claim's other half is
    assert "DCGAN collapsed or diverged in 0 of 3 runs (0 to 56 %)" in crash["Our figures"]
    assert found["loses fine detail"]["Our figures"] == "LDM not measured: not in this profile"
    assert found["schedule and learned variance help"]["Our figures"] == (
        "Improved DDPM not measured: not in this profile"
    )


def test_hus_challenges_span_each_family(pages):
    found = rows(grid(pages["hu"], "Challenges by family: MNIST-5K"))
    state = found["runs that collapsed or diverged, with Wilson's 95 % interval"]
    assert state["Adversarial"] == "5 of 9 runs (27 to 81 %)"  # GAN collapsed, one seed of WGAN-GP diverged
    assert found["peak memory (MB)"]["Diffusion"] == "512 (all 2 rows)"
    found = rows(grid(pages["hu"], "Challenges by family: FASHION-MNIST"))
    speed = found["images/s at the profile's batch"]
    assert speed["Adversarial"] == "20,000 (DCGAN) to 90,000 (GAN)"  # WGAN-GP diverged: no samples
    assert speed["Vector-quantised"] == "not measured: failed, not run"
    assert speed["Diffusion"] == "not measured: not run"
    assert found["share of codes in use (%)"]["Adversarial"] == "does not apply: has no codebook"
    assert found["energy"]["Diffusion"] == "not measured: power is not measured"


def test_undertrained_runs_are_left_out_of_what_collapsed_and_counted_beside_it(project, built):
    runs = project.found.runs.copy()
    gans = (runs["dataset"] == "mnist-5k") & (runs["model"] == "dcgan")
    cases = {0: "0 of 3 runs (0 to 56 %)", 1: "0 of 2 runs (0 to 66 %), 1 more undertrained"}
    for undertrained, text in (cases | {3: "0 of 0 runs, 3 more undertrained"}).items():
        runs.loc[runs.index[gans][:undertrained], "stability.state"] = "undertrained"
        sources = base.gather(project.found._replace(runs=runs), built, [], {}, {})
        assert base.ends(sources, "mnist-5k", ["dcgan"]) == text
    assert base.ends(sources, "mnist-5k", ["sngan"]) is None


def test_zhaos_uses_are_translators_on_each_data_set_or_say_why_not(project, built, pages):
    found = grid(pages["zhao"], "Art and styles")
    assert [[line.cells[i].text for i in (2, -1)] for line in found.lines] == [
        [title, "not in this profile"] for title in ("CycleGAN", "Pix2Pix", "MUNIT")
    ]
    sources = base.gather(project.found, built, [], {}, {})
    first, second = sources.measured
    figures = {"fd_clf": tables.Cell(3.0), "partner_ssim": tables.Cell(0.9), "cycle_l1": tables.Cell(4.0)}
    shown = {c.key: c for c in TRANSLATION if c.key in figures}
    row = first.rows["dcgan"]._replace(model="cyclegan", file="cyclegan", title="CycleGAN", cells=figures)
    here = first._replace(columns=first.columns | shown, rows={**first.rows, "cyclegan": row})
    read = {"diverse": 0.25, "reference": 0.1, "kept": 0.4}
    told = {"rows": {"cyclegan": [{"faithful": share, **read} for share in (0.49, 0.51)], "gone": []},
            "real": {"content": 0.9, "style": 0.8}, "chance": 0.02, "n": 200}  # fmt: skip
    study = {"styles": 5, "content": ["shape"], "style": ["colour"], "datasets": {"mnist-5k": told}}
    art = zhao._applications(sources._replace(measured=[here, second], studies={"styles": study}))
    cells = rows(art.grids[0])["Art"]
    assert (cells["Data"], cells["Distance"], cells["SSIM to partner ↑"]) == ("MNIST-5K", "FD-clf 3.00", "0.900")
    assert cells["Cycle error (%) ↓"] == "4.00"
    assert rows(art.grids[1])["CycleGAN"] == {
        "Row": "CycleGAN", "Content kept (%)": "50.0 ± 12.7", "Pairs of translations that differ (%)": "25.0",
        "Style of the reference (%)": "10.0", "Content kept beside it (%)": "40.0", "Seeds": "2",
    }  # fmt: skip
    assert "the content of 90.0 % of true partners correctly; 2.0 % of references" in " ".join(art.grids[1].caption)


def test_zhaos_chain_says_which_links_have_no_row(pages):
    found = rows(grid(pages["zhao"], "The chain: MNIST-5K"))
    assert list(found) == ["DCGAN", "ProGAN", "StyleGAN"]
    assert (found["DCGAN"]["Status"], found["DCGAN"]["Better than before?"]) == ("measured", "C03: not yet measured")
    absent = registry.names("models")
    for system in ("ProGAN", "StyleGAN"):
        assert found[system]["Status"] == ("not in this profile" if system.lower() in absent else "no row yet")
        assert found[system]["FD-clf ↓"] == "–"


def test_studies_that_have_not_run_are_named(project, built, tmp_path: Path):
    elsewhere = project.found._replace(root=tmp_path)  # where no file of a study is
    found = _pages(elsewhere, built, project.params)
    texts = {section.title: " ".join(section.text) for section in found["zhao"].sections}
    for title, study in (
        ("FID, worked", "worked_scores"),
        ("IS, worked", "worked_scores"),
        ("How many samples FID needs", "sample_size"),
        ("What IS and SSIM cannot see", "blind_scores"),
    ):
        assert f"the study '{study}' has not run in profile quick" in texts[title]
    assert "study 'sharpness' has not run" in " ".join(grid(found["li"], "GAN beside VAE: MNIST-5K").caption)


def test_a_part_of_a_claim_has_the_verdict_of_its_own_effects(project, built):
    def effect(what: str, bounds: Bounds) -> Effect:
        return Effect(what, "times", Interval(1.0, 0.9, 1.1, 3), bounds)

    effects = (
        effect("FD-clf of VAE over that of AAE, MNIST", below(2)),
        effect("Coverage (clf) of AAE less that of DCGAN, MNIST", above(2)),
    )
    whole = Finding(Verdict.MIXED, "both", effects)
    assessments = [
        j._replace(finding=whole) if j.id == "C35" else j for j in verdicts.assess(project.found, project.params)
    ]
    sources = base.gather(project.found, built, assessments, {}, {})
    assert base.verdict_of("C35", sources) == ("C35", Verdict.MIXED, "both")
    assert base.verdict_of("C35:AAE:!coverage", sources)[1] == Verdict.SUPPORTED
    id_, verdict, evidence = base.verdict_of("C35:AAE:coverage", sources)
    assert (id_, verdict) == ("C35", Verdict.CONTRADICTED)
    assert evidence.startswith("Coverage (clf) of AAE less that of DCGAN, MNIST: 1 times [0.9, 1.1]")
    assert base.verdict_of("C35:AVB", sources)[1:] == (
        Verdict.UNMEASURED,
        "C35 does not measure this part of the claim",
    )


def test_poudels_items_have_a_verdict_or_say_that_figures_stand_alone(pages):
    found = rows(grid(pages["poudel"], "Advantages and disadvantages, tested"))
    structure = found["captures the structure of the data's distribution better than a GAN"]
    assert structure["Tested"] == "not yet measured (C02)"
    assert structure["Figures"].startswith("MNIST-5K: Coverage of VAE 0.710 ± 0.017; Coverage of DCGAN 0.745 ± 0.012")
    assert found["has no encoder and no likelihood"]["Figures"] == (
        "MNIST-5K: no PSNR of DCGAN; no Bound of DCGAN; FASHION-MNIST: no PSNR of DCGAN; no Bound of DCGAN"
    )
    avb = found["AVB: better images than a VAE and better coverage than a GAN"]
    assert "AVB not measured" in avb["Figures"]


def test_tables_of_runs_state_their_protocol(pages):
    for title, survey in (
        ("GAN beside VAE: MNIST-5K", "li"),
        ("Challenges by family: MNIST-5K", "hu"),
        ("The chain: MNIST-5K", "zhao"),
        ("Advantages and disadvantages, tested", "poudel"),
    ):
        caption = " ".join(grid(pages[survey], title).caption)
        for part in ("1,000 samples per run against 4,000 real images (the train split)", "clf-mnist-5k", "3 seeds",
                     "Test CPU", "5,000 of the 70,000 images"):  # fmt: skip
            assert part in caption, title


def test_markdown_and_latex_are_written_whole(pages, tmp_path: Path):
    survey_pages.write(tmp_path, list(pages.values()))
    for key, page in pages.items():
        text = (tmp_path / "tables" / f"survey-{key}.md").read_text()
        plots = {plot.name for section in page.sections for plot in section.plots}
        blocks = re.findall(r"(?:^\|.*\n)+", text, flags=re.M)
        assert len(blocks) == sum(len(section.grids) for section in page.sections)
        for block in blocks:
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1
        for name in re.findall(r"\.\./figures/([\w-]+\.png)", text):
            if name.removesuffix(".png") not in plots:  # those the report saves
                Image.open(tmp_path / "figures" / name).verify()
        check_latex((tmp_path / "tables" / f"survey-{key}.tex").read_text())


def check_latex(text: str) -> None:
    """Braces and environments close in order, tables have one cell per column, and every character can be set."""
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    open_: list[str] = []
    for kind, name in re.findall(r"\\(begin|end){(\w+\*?)}", text):
        if kind == "begin":
            open_.append(name)
        else:
            assert open_.pop() == name
    assert open_ == []
    for align, body in re.findall(r"\\begin{tabular}{(.*?)}\n(.*?)\\end{tabular}", text, flags=re.S):
        width = len(re.sub(r"{[\d.]+cm}", "", align))
        for line in body.splitlines():
            if line.endswith(r"\\") and "multicolumn" not in line:
                assert len(re.findall(r"(?<!\\)&", line)) == width - 1
    labels = re.findall(r"\\label{(.*?)}", text)
    assert len(labels) == len(set(labels))
    assert not {c for c in text if ord(c) > 0xFF or ord(c) in (0xB2, 0xB3, 0xB1, 0xD7)}
