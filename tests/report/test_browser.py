"""The report in a real browser: silent, legible in both colour schemes and on a phone, alive, and open to everyone.

Accessibility is checked by axe-core (WCAG 2.1 A and AA and its best practices).
"""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from paragone.report import live

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

# Polling, as `wait_for_function` does, evaluates text in the page, which its policy forbids.
LOADED = """Promise.all([...document.images].filter((image) => image.getAttribute("src") && !image.complete)
    .map((image) => new Promise((done) => { image.onload = image.onerror = done; })))"""
KINDS = [
    "index.html",
    "site/models/wgan_gp.html",
    "site/data/mnist-5k.html",
    "site/compare/mnist-5k.html",
    "site/surveys/hu.html",
    "site/claims/c32.html",
    "site/claims/c06.html",
    "site/studies.html",
    "site/history.html",
]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1360, "height": 900}
MODELS = ["GAN", "DCGAN", "WGAN-GP", "VAE", "VQ-VAE (uniform prior)", "VQ-VAE + prior", "DDPM", "DDIM"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose complaints fail the test."""
    page = browser.new_page(viewport=DESK)
    complaints: list[str] = []
    listen(page, complaints)
    yield page
    page.close()
    assert complaints == []


def listen(page: Page, complaints: list[str]) -> None:
    page.on("console", lambda message: complaints.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("requestfailed", lambda request: complaints.append(f"{page.url}: no {request.url}"))


def visit(page: Page, file: Path) -> None:
    page.goto(file.as_uri())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_complains_or_overflows_on_a_phone(browser, report_folder, scheme):
    page = browser.new_page(viewport=PHONE, color_scheme=scheme)
    complaints: list[str] = []
    listen(page, complaints)
    for file in [report_folder / "index.html", *sorted((report_folder / "site").rglob("*.html"))]:
        visit(page, file)
        page.evaluate("for (const image of document.images) image.loading = 'eager'")
        page.evaluate(LOADED)
        broken = page.evaluate("[...document.images].filter((i) => i.src && !i.naturalWidth).map((i) => i.src)")
        assert broken == [], file
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], file
    page.close()
    assert complaints == []


@pytest.mark.parametrize("width", [390, 1000, 1200, 1400])
def test_the_scores_of_a_row_stay_in_the_row(page, report_folder, width):
    """They neither run under the plot beside them nor leave their line, and the page does not scroll sideways."""
    page.set_viewport_size({"width": width, "height": 900})
    visit(page, report_folder / "index.html")
    plots = [box.bounding_box() for box in page.locator(".front .plot").all()]
    scores = page.locator(".strips .scores > span").all()
    assert plots
    assert scores
    for score in scores:
        box, row = score.bounding_box(), score.locator("xpath=ancestor::li").bounding_box()
        assert row["x"] <= box["x"]
        assert box["x"] + box["width"] <= row["x"] + row["width"]
        assert not any(overlap(box, plot) for plot in plots), score.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether two boxes of elements have a pixel in common."""
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "width"), ("y", "height"))
    )


@pytest.mark.parametrize(("scheme", "viewport"), [("light", DESK), ("dark", PHONE)], ids=["light", "dark"])
@pytest.mark.parametrize("name", KINDS)
def test_axe_finds_nothing(browser, report_folder, name, scheme, viewport):
    page = browser.new_page(viewport=viewport, color_scheme=scheme)
    visit(page, report_folder / name)
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    found = Axe().run(page, options={"preload": False})  # it would fetch the style sheet, which the policy forbids
    assert found.violations_count == 0, found.generate_report()
    page.close()


@pytest.mark.parametrize(("scheme", "chosen"), [("light", "light"), ("dark", "dark"), ("light", "dark")])
def test_ground_ink_and_figures_follow_the_theme(browser, report_folder, scheme, chosen):
    """The system's, and the reader's where they differ; a figure is a file of its own and must follow too."""
    page = browser.new_page(viewport=DESK, color_scheme=scheme)
    visit(page, report_folder / "site/claims/c32.html")
    if chosen != scheme:
        page.get_by_role("button", name="Switch between light and dark").click()
        visit(page, report_folder / "site/claims/c33.html")  # the choice goes along
    for target in (page.locator("body"), page.locator(".plot img").first):
        target.scroll_into_view_if_needed()
        with Image.open(io.BytesIO(target.screenshot())) as image:
            pixels = np.asarray(image.convert("L")).astype(float)
        ground = np.median(pixels)
        assert ground > 230 if chosen == "light" else ground < 45
        assert (abs(pixels - ground) > 100).mean() > 0.003  # there is something to read
    page.close()


def names(page: Page) -> list[str]:
    table = page.locator("table.sortable").first
    return [n.split("\n")[0].strip() for n in table.locator("tbody tr:not(.heading):visible th a").all_inner_texts()]


def test_a_table_is_sorted_by_mouse_and_by_keyboard(page, report_folder):
    visit(page, report_folder / "index.html")
    ranked = ["DDPM", "DDIM", "DCGAN", "VQ-VAE + prior", "VAE", "WGAN-GP", "VQ-VAE (uniform prior)", "GAN"]
    assert names(page) == MODELS
    header = page.locator("table.sortable").first.locator("thead th").nth(1)
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    assert names(page) == ranked
    first = page.locator("table.sortable").first.locator("tbody th").first
    expect(first).to_have_text("Real images (floor)")  # whichever way
    header.get_by_role("button").press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    assert names(page) == ranked[::-1]
    header.get_by_role("button").press("Space")
    assert header.get_attribute("aria-sort") is None
    assert names(page) == MODELS


def test_a_table_is_cut_to_families(page, report_folder):
    visit(page, report_folder / "index.html")
    families = page.get_by_role("group", name="Families to show").first
    families.get_by_role("button", name="Diffusion").click()
    assert names(page) == ["DDPM", "DDIM"]
    families.get_by_role("button", name="Vector-quantised").click()
    assert names(page) == ["VQ-VAE (uniform prior)", "VQ-VAE + prior", "DDPM", "DDIM"]
    page.locator("table.sortable thead button").nth(1).click()
    assert names(page) == ["DDPM", "DDIM", "VQ-VAE + prior", "VQ-VAE (uniform prior)"]  # sorted, and still cut
    for name in ("Diffusion", "Vector-quantised"):
        families.get_by_role("button", name=name).click()
    assert len(names(page)) == len(MODELS)


def test_the_board_is_cut_to_verdicts_and_opens_a_figure(page, report_folder):
    visit(page, report_folder / "index.html")
    claims = page.locator("details.claim:visible")
    settled = claims.count()
    assert 0 < settled < 35
    page.locator(".counts").get_by_role("button", name="not yet measured").click()
    assert claims.count() == 35 - settled  # the line that folds them is open now
    page.locator(".counts").get_by_role("button", name="not yet measured").click()
    assert claims.count() == settled
    drawn = page.locator("#c32 img")
    assert not drawn.is_visible()
    page.locator("#c32 summary").press("Enter")
    expect(drawn).to_be_visible()
    expect(drawn).not_to_have_js_property("naturalWidth", 0)


def test_a_link_to_a_sentence_opens_it(page, report_folder):
    page.goto((report_folder / "index.html").as_uri() + "#c15")
    expect(page.locator("#c15 .evidence")).to_be_visible()
    page.evaluate("location.hash = 'c02'")
    expect(page.locator("#c02 .evidence")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_running_benchmark_is_legible_everywhere(browser, project, tmp_path, scheme):
    grid = project.root / "runs/quick/mnist-5k/dcgan/0/wall.png"
    entries = [
        live.Entry("DCGAN", "MNIST-5K", 0, "evaluated", "FD-clf 9.45, FD-Lite0 173.4", grid),
        live.Entry("VAE", "MNIST-5K", 0, "running", "train, 12 s so far", None),
        live.Entry("VQ-VAE (uniform prior)", "MNIST-5K", 0, "waiting", "", None),
    ]
    live.write(tmp_path / live.NAME, "quick", "A benchmark for tests.", entries, (4, 10), "2 min")
    page = browser.new_page(viewport=PHONE, color_scheme=scheme)
    complaints: list[str] = []
    listen(page, complaints)
    visit(page, tmp_path / live.NAME)
    expect(page.get_by_text("4 of 10 stages done, about 2 min left")).to_be_visible()
    assert page.evaluate("document.images[0].naturalWidth") == 8 * 33 - 1
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    found = Axe().run(page, options={"preload": False})
    assert [v["id"] for v in found.response["violations"]] in ([], ["meta-refresh"])  # it loads itself again on purpose
    page.close()
    assert complaints == []


def test_two_models_are_put_side_by_side(page, report_folder):
    visit(page, report_folder / "site/compare/mnist-5k.html")
    shown = page.locator(".compare figure:visible figcaption")
    page.get_by_label("Left").select_option("dcgan")
    page.get_by_label("Right").select_option("vae")
    page.get_by_label("Seed").select_option("1")
    assert [text.split(":")[0] for text in shown.all_inner_texts()] == ["DCGAN, seed 1", "VAE, seed 1"]
    left, right = (page.locator(f".compare figure:visible[data-row={row}]").bounding_box() for row in ("dcgan", "vae"))
    assert left["x"] + left["width"] <= right["x"]
    assert left["y"] == right["y"]
    page.get_by_label("Seed").select_option("0")
    page.get_by_label("Show").select_option("Reconstructions")
    expect(page.locator(".compare .none")).to_have_text("No such picture: DCGAN.")
    visit_again = page.url  # which holds the choice
    page.goto(visit_again)
    expect(page.get_by_label("Right")).to_have_value("vae")
    expect(page.get_by_label("Show")).to_have_value("Reconstructions")


def test_a_picture_is_enlarged_and_closed_again(page, report_folder):
    visit(page, report_folder / "site/models/dcgan.html")
    page.locator("a.zoom").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("p")).to_have_text("First samples of DCGAN, seed 0: MNIST-5K")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_keyboard_reaches_the_content_first(page, report_folder):
    visit(page, report_folder / "site/data/mnist-5k.html")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_without_scripts_everything_can_be_read(browser, report_folder):
    page = browser.new_context(viewport=DESK, java_script_enabled=False).new_page()
    visit(page, report_folder / "index.html")
    assert page.locator("thead button, .counts button, #theme:visible").count() == 0  # no control that does nothing
    page.locator("#c32 summary").click()
    expect(page.locator("#c32 img")).to_be_visible()
    page.locator("#c32 a").first.click()
    expect(page.locator("h1")).to_contain_text("IS rewards")
    visit(page, report_folder / "site/models/dcgan.html")
    page.locator("a.zoom").first.click()
    assert page.url.endswith("mnist-5k-dcgan-0.webp")
    page.context.close()


def test_print_is_dark_on_white_without_navigation(browser, report_folder):
    page = browser.new_page(viewport=DESK, color_scheme="dark")
    visit(page, report_folder / "site/claims/c32.html")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    expect(page.get_by_role("navigation", name="Report")).to_be_hidden()
    page.close()


def test_nothing_is_wider_than_the_paper(browser, report_folder):
    """A4 with margins of 11 mm: a table that is cut at the edge of the paper is lost."""
    wide = """[...document.querySelectorAll("main :is(table, img, svg, p, li, pre)")]
        .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 200))"""
    page = browser.new_page(viewport={"width": 710, "height": 1040})
    page.emulate_media(media="print")
    for file in [report_folder / "index.html", *sorted((report_folder / "site").rglob("*.html"))]:
        visit(page, file)
        assert page.evaluate(wide) == [], file
    page.close()


def test_what_a_printed_table_means_is_printed_with_it(browser, report_folder):
    page = browser.new_page(viewport={"width": 710, "height": 1040})
    visit(page, report_folder / "index.html")
    notes = page.locator(".protocol .note").first
    expect(notes).not_to_be_visible()
    page.emulate_media(media="print")
    expect(notes).to_be_visible()
    page.close()
