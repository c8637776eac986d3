"""What the surveys name: every system once, every row a model, and a status that says what was measured."""

from paragone.project import registry
from paragone.report import tables
from paragone.report.claims import verdicts
from paragone.report.surveys import systems
from paragone.results.claims.base import SURVEYS


def test_every_system_is_named_once_by_surveys_that_exist_and_stands_for_a_model() -> None:
    named = systems.systems()
    assert named["system"].is_unique
    assert {key for keys in named["surveys"] for key in keys.split()} == set(SURVEYS)
    assert set(named["row"]) - {""} <= set(registry.names("models"))


def test_every_model_is_one_that_a_survey_names() -> None:
    assert set(registry.names("models")) - set(systems.systems()["row"]) <= {
        *("vq_vae", "vq_vae_2", "strided", "glow", "flow_prior", "kl_autoencoder", "biggan", "r3gan", "munit", "iwae"),
        *("edm", "rectified_flow", "reflow", "dpm_solver", "heun", "pacgan"),
    }


def test_each_survey_has_its_systems_with_figures_and_its_claims(project) -> None:
    built = {d.name: tables.build(project.found, d) for d in project.found.datasets}
    found = systems.grids(project.found, built, verdicts.assess(project.found, project.params))
    assert len(found) == len(SURVEYS) * (len(project.found.datasets) + 1)
    hu = next(g for g in found if g.title == "Systems that hu names: MNIST-5K")
    by_system = {line.cells[0].text: line for line in hu.lines}
    main = {row.model: row for row in built["mnist-5k"][0].rows}
    assert by_system["DDPM"].cells[2].value == main["ddpm"].cells["fd_clf"].mean
    assert [cell.text for cell in by_system["DDPM"].cells[-2:]] == ["3/3", "measured"]
    assert by_system["DDPM"].cells[hu.headers.index("Budget (kimg)")].value == main["ddpm"].cells["kimg"].mean
    assert by_system["SNGAN"].cells[-1].text == "not in this profile"
    assert by_system["StyleSpace"].cells[-1].text.startswith("not in this profile; its samples are StyleGAN2's")
    claims = next(g for g in found if g.title == "Claims of poudel")
    assert [line.cells[0].text for line in claims.lines] == ["C02", "C35"]


def test_rows_of_other_names_stand_for_their_model_where_none_has_its_name(project) -> None:
    dataset = project.found.datasets[0]
    main = tables.build(project.found, dataset)[0]
    (ddpm,) = (row for row in main.rows if row.model == "ddpm")
    renamed = [ddpm._replace(model=f"ddpm_{n}", title=f"DDPM, {n} steps") for n in (10, 100)]
    found = systems.system_grid("hu", dataset, main._replace(rows=[*main.rows, *renamed]))
    assert [line.cells[0].text for line in found.lines].count("DDPM") == 1  # a row of its name is the only one
    others = [row for row in main.rows if row.model != "ddpm"]
    found = systems.system_grid("hu", dataset, main._replace(rows=[*others, *renamed]))
    lines = {line.cells[0].text: line.cells for line in found.lines}
    for row in renamed:
        assert lines[row.title][2].value == ddpm.cells["fd_clf"].mean
        assert lines[row.title][-1].text == "measured"
    assert "DDPM" not in lines
