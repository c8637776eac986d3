"""The example that makes a page for a class from a report."""

import subprocess
import sys

from support.page_reader import read


def test_a_page_for_a_class_is_made_from_a_report(root, report_folder, tmp_path):
    command = [
        sys.executable,
        str(root / "examples/teach_a_class.py"),
        str(report_folder),
        str(tmp_path / "lesson.html"),
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    page = read(tmp_path / "lesson.html")
    strips = [str(image["src"]) for image in page.images]
    assert len(strips) == 9  # eight models and real images
    assert all(address.startswith("data:image/webp;base64,") for address in strips)
    assert "DDPM" in page.words


def test_a_report_without_samples_is_one_sentence(root, report_folder, tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/main.csv").write_text((report_folder / "tables/main.csv").read_text())
    command = [sys.executable, str(root / "examples/teach_a_class.py"), str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("no row of mnist-5k has samples and a distance; run the benchmark first")
