"""The page: valid structure, self-contained, and alive in a real browser."""

import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sample_project
from paragone.report import claims, page, results, tables

VOID = {"meta", "link", "img", "br", "hr", "input"}
SOURCES = ("src", "href", "action", "data", "poster", "srcset")


class Reader(HTMLParser):
    """Collects what the tests ask for, and checks that tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: Counter[str] = Counter()
        self.ids: list[str] = []
        self.requests: list[str] = []
        self.text: list[str] = []
        self.images: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.count[tag] += 1
        self.ids += [value for key, value in attrs if key == "id" and value]
        self.requests += [
            v for k, v in attrs if k.removeprefix("xlink:") in SOURCES and v and not v.startswith(("#", "data:"))
        ]
        if tag == "img":
            self.images.append(found)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> at line {self.getpos()[0]} closes something else"

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def html(report_folder):
    return (report_folder / "index.html").read_text()


@pytest.fixture(scope="module")
def read(html):
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def test_no_request_leaves_the_page(read, html):
    assert read.requests == []
    assert "default-src 'none'" in html
    assert not re.search(r"@import|url\((?!#|&quot;#)", html)


def test_ids_are_unique(read):
    assert [i for i, n in Counter(read.ids).items() if n > 1] == []


def test_every_image_says_what_it_shows(read):
    walls = [i for i in read.images if i.get("src")]
    pictures = sum(map(len, sample_project.PICTURES.values()))
    finished = (1 + 8) + (1 + 3)  # the real images, and each model of which a seed finished
    assert len(walls) == finished + pictures + (pictures - 1)  # VQ-VAE failed on the second set
    alts = {str(i["alt"]) for i in walls}
    assert alts >= {"VAE: MNIST-5K", "VAE, reconstructions: MNIST-5K", "DCGAN, traversal: MNIST-5K"}
    assert all(i["alt"] and str(i["src"]).startswith("data:image/png;base64,") for i in walls)


def test_all_parts_are_there(read, project):
    text = " ".join(" ".join(read.text).split())
    for part in ("Image generators, compared on the same terms", "MNIST-5K", "FASHION-MNIST", "How to read this",
                 "Real test images (floor)", "What each column means", "Not finished",
                 "RuntimeError: <codebook> is empty & lost",
                 "Not comparable with our figures unless the protocol is the same.", "3 of 3 checks passed",
                 "mnist-5k/ddim/2", "CC BY-SA 3.0", "Runs finished"):  # fmt: skip
        assert part in text
    measured = [j for j in claims.judge(project.found, project.params) if j.finding.effects]
    assert read.count["svg"] == 2 * 4 + len(measured)
    assert read.count["dialog"] == 1


def test_it_weighs_less_than_three_megabytes(report_folder):
    assert (report_folder / "index.html").stat().st_size < 3e6


def test_markup_in_a_file_does_not_become_markup(html):
    assert "<codebook>" not in html


def test_a_wall_that_is_too_heavy_is_compressed():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (329, 329, 3), np.uint8))
    exact = page.data_uri(noise, 10**6)
    assert exact.startswith("data:image/png")
    small = page.data_uri(noise, 100_000)
    assert small.startswith("data:image/webp")
    assert len(small) * 3 / 4 < 100_100


chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip


def browse(file: Path, folder: Path, *flags: str) -> str:
    command = ["chromium", *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout


@chromium
def test_a_browser_sorts_the_table_and_switches_the_theme(html, tmp_path):
    script = """<script>
    const out = [], table = document.querySelector("table.sortable");
    const names = () => [...table.tBodies[0].rows].map((row) => row.cells[0].firstChild.textContent.trim()).join("|");
    const header = table.tHead.rows[0].cells[1], before = names();
    header.querySelector("button").click(); out.push(header.getAttribute("aria-sort") + ":" + names());
    header.querySelector("button").click(); out.push(header.getAttribute("aria-sort") + ":" + names());
    header.querySelector("button").click(); out.push(header.hasAttribute("aria-sort") + ":" + (names() === before));
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    document.getElementById("theme").click();
    out.push(document.documentElement.dataset.theme === (dark ? "light" : "dark"));
    document.querySelector("button.wall").click();
    out.push(document.getElementById("large").open);
    document.getElementById("large").close();
    const all = [...document.querySelectorAll(".walls details")];
    const more = all.find((details) => details.textContent.includes("Reconstructions."));
    const seen = (element) => element.checkVisibility();
    out.push(!seen(more.querySelector("img")));
    more.querySelector("summary").click();
    out.push(seen(more.querySelector("img")));
    more.querySelector("button.wall").click();
    out.push(document.querySelector("#large p").textContent === more.querySelector("img").alt);
    out.push(document.documentElement.scrollWidth <= innerWidth);
    document.title = out.join("\\n");
    </script></body>"""
    file = tmp_path / "page.html"
    file.write_text(html.replace("</body>", script))
    dom = browse(file, tmp_path, "--window-size=500,900", "--dump-dom")
    up, down, back, *rest = re.search(r"<title>(.*?)</title>", dom, re.S)[1].split("\n")
    ranked = ["DDPM", "DDIM", "DCGAN", "VQ-VAE + prior", "VAE", "WGAN-GP", "VQ-VAE (uniform prior)", "GAN"]
    assert up == "ascending:" + "|".join(["Real test images (floor)", *ranked])
    assert down == "descending:" + "|".join(["Real test images (floor)", *reversed(ranked)])
    assert back == "false:true"
    assert rest == ["true"] * 6


@chromium
@pytest.mark.parametrize(("theme", "width"), [("light", 1320), ("dark", 1320), ("light", 500)])
def test_a_browser_paints_it(html, tmp_path, theme, width):
    file, picture = tmp_path / "page.html", tmp_path / "page.png"
    file.write_text(html.replace('<html lang="en">', f'<html lang="en" data-theme="{theme}">'))
    browse(file, tmp_path, f"--window-size={width},1600", f"--screenshot={picture}")
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("L")).astype(float)
    assert pixels.shape == (1600, width)
    background = pixels[5, 5]
    assert background > 230 if theme == "light" else background < 40
    assert (abs(pixels - background) > 100).mean() > 0.02  # there is something to read


def test_a_project_without_runs_has_a_page(project, tmp_path):
    found = results.read(tmp_path, project.params, "quick")
    built = {d.name: tables.build(found, d) for d in found.datasets}
    reader = Reader()
    reader.feed(page.html(found, built, {d.name: [] for d in found.datasets}, [], []))
    assert reader.open == []
    assert reader.count["table"] >= 4
    assert "0 of 48" in " ".join(reader.text)
