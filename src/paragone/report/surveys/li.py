"""J. Li's page: figures 3 and 4 with the numbers that they lack, and which data sets of table 1 can be ingested."""

from paragone.data.base import Loader
from paragone.project import registry
from paragone.report.render import MISSING, Grid, Line, Text
from paragone.report.surveys import base, systems
from paragone.report.surveys.base import Measured, Section, Sources, SurveyPage, section
from paragone.results.claims.base import SURVEYS
from paragone.results.runs import Results

BESIDE = ("gan", "dcgan", "vae")  # the survey shows a GAN and a VAE; DCGAN has convolutions, as most profiles' VAE has
KEYS = ("sharpness", "coverage", "density", "recall", "precision", "missing_modes", "kimg")  # beside the distances
CLAIMS = ("C01", "C02", "C03")
TABLE_1 = ("caltech101", "pascal_voc", "tiny_images", "caltech256", "imagenet", "coco")
ELSEWHERE = {"mnist": "figure 3", "celeba": "figure 4", "cifar10": "text"}


def page(sources: Sources) -> SurveyPage:
    """Figures 3 and 4, the verdicts on what they are to show, table 1, and everything else that the survey names."""
    return SurveyPage(
        "li",
        SURVEYS["li"],
        "Figures 3 and 4 with the numbers that the survey leaves out, which of its data sets can be ingested and were "
        "measured here, and every system and claim that it names.",
        [
            _figure(3, "MNIST", "mnist", sources),
            _figure(4, "CelebA", "celeba", sources),
            section(
                "What the two figures are meant to show",
                "The survey draws its conclusions from the images alone. Here each claim has a measurement and a rule, "
                "stated before the runs that decide it.",
                grids=[base.verdict_grid("Verdicts on figures 3 and 4", CLAIMS, sources)],
            ),
            section(
                "Table 1: the data sets",
                "The survey's table of data sets, and three more that its figures and text name.",
                grids=[_data(sources)],
            ),
            base.lists("li", sources),
        ],
    )


def _figure(number: int, name: str, loader: str, sources: Sources) -> Section:
    title = f"Figure {number}: GAN beside VAE on {name}"
    text = f"The survey shows samples of a GAN beside samples of a VAE on {name}, and gives no number."
    found = sources.on(loader)
    if not found:
        return section(title, text, grids=[_absent(name, loader, sources.results)])
    pictures = [picture for m in found for picture in base.sample_grids(sources.results, m, BESIDE)]
    plots = sources.plots("sharpness", found)
    return section(title, text, grids=[_beside(m, sources) for m in found], plots=plots, pictures=pictures)


def _beside(m: Measured, sources: Sources) -> Grid:
    keys = [k for k in m.columns if k.startswith("fd_")] + [k for k in m.columns if k.startswith("kid_")][:1]
    keys += [k for k in KEYS if k in m.columns]
    columns = [m.columns[k] for k in keys]
    lines = [_row(m, model, keys) for model in BESIDE]
    if m.floor is not None:
        figured = [m.figure(m.floor, k) for k in keys]
        lines.insert(0, Line("floor", [Text(m.floor.title), *figured, Text(""), Text("")]))
    return Grid(
        f"GAN beside VAE: {m.dataset.title}",
        ["Model", *(c.header for c in columns), "Seeds", "Status"],
        ["", *(c.about for c in columns), "finished of planned", ""],
        [False, *(True for _ in columns), False, False],
        lines,
        [*m.protocol, sources.about_sharpness(m.dataset.name)],
    )


def _row(m: Measured, model: str, keys: list[str]) -> Line:
    row = m.rows.get(model)
    title, seeds, reason = (
        (registry.model_class(model).title, MISSING, "") if row is None else (row.title, row.seeds, row.reason)
    )
    ended = Text(systems.status(row, model), note=reason)
    return Line("model", [Text(title), *(m.figure(row, k) for k in keys), Text(seeds), ended])


def _absent(name: str, loader: str, results: Results) -> Grid:
    """The table that there would be, and why it is empty."""
    has = ", ".join(d.title for d in results.datasets)
    why = (
        f"not measured here: profile {results.profile} has only {has}; add a data set of params.yaml with the loader "
        f"'{loader}' to the profile's data sets, and run it"
    )
    lines = [Line("model", [Text(registry.model_class(model).title), Text(why)]) for model in BESIDE]
    return Grid(f"GAN beside VAE: {name}", ["Model", "Status"], [""] * 2, [False] * 2, lines, [])


def _data(sources: Sources) -> Grid:
    headers = ["Data set", "Named in", "Available from", "Images, as published", "Classes", "Licence",
               "Known problems", "In this profile"]  # fmt: skip
    places = {**dict.fromkeys(TABLE_1, "table 1"), **ELSEWHERE}
    lines = [Line("model", [*map(Text, _facts(name, place, sources))]) for name, place in places.items()]
    caption = [
        "What the loaders know about each set; its card in data/cards/ has the citation, the origin and the hashes.",
        "Available from: a part shipped with a dependency (packaged), a verified download, your own files (local).",
        f"Profile {sources.results.profile}.",
    ]
    return Grid("Data sets of the survey", headers, [""] * len(headers), [False] * len(headers), lines, caption)


def _facts(name: str, place: str, sources: Sources) -> list[str]:
    loader: Loader = registry.load("datasets", name).LOADER
    images = ", ".join(f"{count:,} {split}" for split, count in loader.counts.items())
    return [
        loader.title,
        place,
        ", ".join(loader.sources),
        images or "counted when ingested",
        f"{len(loader.class_names):,}" if loader.class_names else "as ingested",
        loader.licence,
        "; ".join(p.rstrip(".") for p in loader.known_problems if p not in loader.licence) or MISSING,
        " ".join(_here(m, sources.results) for m in sources.on(name)) or "no",
    ]


def _here(m: Measured, results: Results) -> str:
    """What of the set this profile has, and how many of its runs finished."""
    runs = results.of(m.dataset.name)
    return f"yes: {m.protocol[0]} {(runs['outcome'] == 'finished').sum()} of {len(runs)} runs finished."
