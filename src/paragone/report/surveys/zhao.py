"""Y. Zhao's page: the chain from DCGAN to StyleGAN, both scores worked, and what the scores cannot see."""

from paragone.project import registry
from paragone.report import tables
from paragone.report.render import MISSING, Grid, Line, Text
from paragone.report.surveys import base, systems, worked
from paragone.report.surveys.base import Measured, Picture, Section, Sources, SurveyPage, section
from paragone.results.claims.base import SURVEYS
from paragone.results.runs import Json
from paragone.results.space_names import fd_label

CHAIN = {
    "DCGAN": ("convolutions throughout, batch normalisation", "C03"),
    "ProGAN": (
        "resolution grown step by step, equalised learning rate, minibatch deviation, pixel normalisation",
        "C29",
    ),
    "StyleGAN": ("a mapping network, style by AdaIN, noise at every pixel, style mixing", "C30"),
}
"""System -> what it adds, and the claim that it improves on the one before."""
USES = {
    "cyclegan": ("Art", "from two collections without pairs"),
    "pix2pix": ("Migration of a style", "from pairs"),
    "munit": ("Migration of a style", "several styles for one source, or that of a reference image"),
}
"""Row -> the use of section 3.3 that it stands for, and how it learns it."""
TRANSLATED = ("partner_ssim", "partner_psnr", "partner_l1", "source_l1", "cycle_l1")  # beside the distance
STYLES = "styles"
SHARES = {
    "faithful": "Content kept",
    "diverse": "Pairs of translations that differ",
    "reference": "Style of the reference",
    "kept": "Content kept beside it",
}
KEYS = ("precision", "coverage", "missing_modes", "kimg", "train_seconds_total")  # beside the distances
SIZES, BLIND = "sample_size", "blind_scores"
SETS = {
    "real": "test images",
    "repeated": "a few of them, repeated",
    "blurred": "the test images without detail",
    "dropped": "half of the classes",
    "foreign": "another data set",
}
SCORES = {
    "is": ("IS-clf ↑", 2),
    "fd": ("FD-clf ↓", 2),
    "coverage": ("Coverage ↑", 3),
    "ssim": ("SSIM ↑", 3),
    "pairs": ("MS-SSIM of pairs ↓", 3),
}


def page(sources: Sources) -> SurveyPage:
    """The chain, FID and IS, the studies of the scores, and everything else that the survey names."""
    return SurveyPage(
        "zhao",
        SURVEYS["zhao"],
        "The chain DCGAN, ProGAN, StyleGAN with figures and samples where there are rows, FID and IS computed step by "
        "step on samples of a run, what these scores cannot see, its applications, and each system and claim it names.",
        [
            section(
                "The chain: DCGAN, ProGAN, StyleGAN",
                "The survey presents the progress of the field as this chain, each system better than the one before.",
                grids=[_chain(m, sources) for m in sources.measured],
                pictures=[picture for m in sources.measured for picture in _shown(m, sources)],
            ),
            worked.fid(sources),
            worked.score(sources),
            _sizes(sources),
            _blind(sources),
            _applications(sources),
            base.lists("zhao", sources),
        ],
    )


def _shown(m: Measured, sources: Sources) -> list[Picture]:
    """Samples along the chain, where at least two of its systems have any."""
    rows = systems.systems().set_index("system")["row"]
    found = base.sample_grids(sources.results, m, [rows[system] for system in CHAIN])
    return found if len(found) > 2 else []


def _chain(m: Measured, sources: Sources) -> Grid:
    keys = [k for k in m.columns if k.startswith("fd_")] + [k for k in KEYS if k in m.columns]
    shown = [m.columns[k] for k in keys]
    named = systems.systems().set_index("system")["row"]
    lines = []
    for system, (adds, claim) in CHAIN.items():
        row = m.rows.get(named[system])
        id_, verdict, _ = base.verdict_of(claim, sources)
        numbers = [m.figure(row, k) for k in keys]
        ended = [Text(row.seeds if row else MISSING), Text(systems.status(row, named[system]))]
        lines.append(Line("model", [Text(system), Text(adds), *numbers, *ended, Text(f"{id_}: {verdict}")]))
    return Grid(
        f"The chain: {m.dataset.title}",
        ["System", "What it adds", *(c.header for c in shown), "Seeds", "Status", "Better than before?"],
        ["", "", *(c.about for c in shown), "finished of planned", "", "the verdict on the claim that it is"],
        [False, False, *(True for _ in shown), False, False, False],
        lines,
        m.protocol,
    )


def _sizes(sources: Sources) -> Section:
    title, text = "How many samples FID needs", "The survey says that FID needs many samples to be reliable (C31)."
    study = sources.studies.get(SIZES)
    if study is None:
        return section(title, text, sources.no_study(SIZES))
    found = [(m, study["datasets"][m.dataset.name]) for m in sources.measured if m.dataset.name in study["datasets"]]
    names = {m.dataset.name: m.rows[study["row"]].title for m, _ in found}
    return section(
        title,
        text,
        grids=[_size_grid(m, sizes, names[m.dataset.name]) for m, sizes in found],
        plots=sources.plots(SIZES, sources.measured),
    )


def _size_grid(m: Measured, sizes: Json, row: str) -> Grid:
    lines: list[Line] = []
    for images, figured in sizes["figures"].items():
        lines.append(Line("heading", [Text("Real test images" if images == "real" else f"Samples of {row}")]))
        for n in sorted({f["n"] for f in figured}):
            drawn = [f for f in figured if f["n"] == n]
            cells = [
                _mean([f[key] * scale for f in drawn], digits) for key, scale, digits in (("fd", 1, 2), ("kid", 1e3, 2))
            ]
            lines.append(Line("model", [Text(f"{n:,}", value=n), *cells, Text(str(len(drawn)))]))
        limit = sizes["limit"][images]
        lines.append(
            Line("model", [Text("infinite (extrapolated)"), Text(f"{limit:.2f}", value=limit), *[Text(MISSING)] * 2])
        )
    available = ", ".join(f"{n:,} {'real' if key == 'real' else row}" for key, n in sizes["available"].items())
    caption = [
        "Mean ± half-width of the 95 % t-interval over draws of subsets.",
        f"Drawn from {available}; against {sizes['n_real']:,} real images, in {sizes['space']}.",
        "Large subsets of the same set share most of their images: fresh samples would give wider intervals.",
        "Extrapolated: a line fitted to the distance over 1 / n, read at 0. KID is unbiased.",
        *m.protocol,
    ]
    headers = ["Images", f"{fd_label(sizes['space'])} ↓", "KID-clf (×10³) ↓", "Draws"]
    return Grid(f"Distance by number of images: {m.dataset.title}", headers, [""] * 4, [True] * 4, lines, caption)


def _mean(values: list[float], digits: int) -> Text:
    """Mean and interval over draws."""
    cell = tables.interval(values)
    half = "" if cell.half is None else f" ± {cell.half:.{digits}f}"
    return Text(f"{cell.mean:,.{digits}f}{half}", value=cell.mean)


def _blind(sources: Sources) -> Section:
    title = "What IS and SSIM cannot see"
    text = (
        "The survey says that IS rewards samples of low diversity and cannot see the distance to the real data (C32), "
        "and that scores like SSIM see detail but miss diversity (C33)."
    )
    study = sources.studies.get(BLIND)
    if study is None:
        return section(title, text, sources.no_study(BLIND))
    here = [m for m in sources.measured if m.dataset.name in study["datasets"]]
    return section(title, text, grids=[_blind_grid(m, study) for m in here], plots=sources.plots(BLIND, here))


def _blind_grid(m: Measured, study: Json) -> Grid:
    scores = study["datasets"][m.dataset.name]
    lines = []
    for name, about in ((n, a) for n, a in SETS.items() if n in scores["sets"]):
        cells = [_mean([f[key] for f in scores["sets"][name]], digits) for key, (_, digits) in SCORES.items()]
        lines.append(Line("model", [Text(f"{name.capitalize()}: {about}"), *cells]))
    caption = [
        f"Mean ± half-width of the 95 % t-interval over {study['draws']} draws of {study['n']:,} images per set.",
        f"Against {scores['n_real']:,} real images, in {scores['space']}.",
        f"Repeated: {study['kept']} images per class. Blurred: by {study['sigma']:g} pixels.",
        "SSIM: between each image and a copy blurred in that way. MS-SSIM: between pairs of one class.",
        *m.protocol,
    ]
    headers = ["Set", *(header for header, _ in SCORES.values())]
    numeric = [False, *(True for _ in SCORES)]
    return Grid(f"Sets of real images: {m.dataset.title}", headers, [""] * len(headers), numeric, lines, caption)


def _applications(sources: Sources) -> Section:
    text = (
        "The survey's section 3.3 names faces, art and the migration of styles. Its translators are measured on sets "
        "whose true partners are known, also where these are hidden from them; photographs and paintings have none."
    )
    grids = [_translators(sources)]
    study = sources.studies.get(STYLES)
    if study is None:
        return section("Applications: art and styles", text, sources.no_study(STYLES), grids=grids)
    here = [m for m in sources.measured if any(study["datasets"].get(m.dataset.name, {}).get("rows", {}).values())]
    grids += [_styles_grid(m, study, study["datasets"][m.dataset.name]) for m in here]
    return section("Applications: art and styles", text, grids=grids, plots=sources.plots(STYLES, here))


def _translators(sources: Sources) -> Grid:
    """Each translator on each data set that it runs on, or why it does not."""
    columns = {key: m.columns[key] for key in TRANSLATED for m in sources.measured if key in m.columns}
    lines = []
    for name, (use, how) in USES.items():
        placed = [(m, row) for m in sources.measured for row in systems.standing(name, m.rows)]
        for m, row in placed:
            figures = [m.figure(row, k) if k in m.columns else Text(MISSING) for k in columns]
            distance = base.phrase(sources, m, row, base.DISTANCE)
            cells = [use, how, row.title, m.dataset.title, distance.replace(f" of {row.title}", "")]
            lines.append(Line("model", [*map(Text, cells), *figures, Text(row.seeds), Text(systems.status(row, name))]))
        if not placed:
            absent = [Text(MISSING)] * (2 + len(columns) + 1)
            title = registry.model_class(name).title
            lines.append(Line("model", [*map(Text, (use, how, title)), *absent, Text(systems.status(None, name))]))
    headers = ["Use", "Learned", "System", "Data", "Distance", *(c.header for c in columns.values()), "Seeds", "Status"]
    about = "from its translations to the real images; lower is better"
    abouts = ["", "", "", "", about, *(c.about for c in columns.values()), "finished of planned", ""]
    numeric = [False] * 5 + [True] * len(columns) + [False] * 2
    return Grid("Art and styles", headers, abouts, numeric, lines, sources.protocol())


def _styles_grid(m: Measured, study: Json, content: Json) -> Grid:
    """What the study `styles` read from the translations of each row."""
    lines = []
    for name, runs in ((name, runs) for name, runs in content["rows"].items() if runs):
        cells = [_mean([100 * run[key] for run in runs], 1) for key in SHARES]
        lines.append(Line("model", [Text(m.rows[name].title), *cells, Text(str(len(runs)))]))
    real, chance = (f"{100 * share:.1f} %" for share in (content["real"]["content"], content["chance"]))
    given = (
        f"Of {content['n']:,} test sources, {study['styles']} translations each, read by a network that learned the "
    )
    factors = f"content is {', '.join(study['content'])}, style {', '.join(study['style'])}"
    caption = [
        "Mean ± half-width of the 95 % t-interval over seeds.",
        f"{given}factors from drawn images: {factors}.",
        f"It reads the content of {real} of true partners correctly; {chance} of references share a style by chance.",
        *m.protocol,
    ]
    headers = ["Row", *(f"{label} (%)" for label in SHARES.values()), "Seeds"]
    numeric = [False, *(True for _ in SHARES), False]
    return Grid(f"Several styles: {m.dataset.title}", headers, [""] * len(headers), numeric, lines, caption)
