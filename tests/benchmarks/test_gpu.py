"""The script that proves graphs on a GPU, in its dry mode: on the CPU, by the stand-in."""

import json

import pytest
import torch

from benchmarks import gpu


@pytest.mark.slow
def test_the_dry_mode_fills_the_table_but_for_what_only_a_gpu_has(tmp_path):
    gpu.main(["--dry", "--rows", "gan", "--out", str(tmp_path / "found")])
    result = json.loads((tmp_path / "found.json").read_text())
    assert result["end"].startswith("All 4 measurements")
    found = result["rows"]["gan"]
    assert found["bits"]["equal"]
    assert found["bits"]["replayed"] > 0
    assert len(set(found["bits"]["digests"].values())) == 1
    assert found["eager"]["ms"] > 0
    assert found["eager"]["graphs"] == 0
    assert found["graph"]["graphs"] > 0
    assert found["graph"]["kernel_ms"] is None
    table = (tmp_path / "found.md").read_text()
    assert "The figures mean nothing" in table
    assert "| gan |" in table


def test_an_iterative_sampler_is_timed_eagerly_and_replayed_and_its_images_compared():
    of = gpu.setting(dry=True, device=torch.device("cpu"))
    for row in ("ddpm", "vq_prior"):
        found = gpu.images(of, row)
        assert found["equal"]
        assert found["replayed"] > 0
        assert found["eager_because"] is None
        assert found["eager_ms"] > 0
    assert gpu.images(of, "gan") == {}


def test_a_run_that_is_cut_off_keeps_what_it_has(tmp_path):
    gpu.main(["--dry", "--rows", "gan", "dcgan", "--minutes", "0", "--out", str(tmp_path / "found")])
    assert json.loads((tmp_path / "found.json").read_text())["end"] == "Cut off after 0 minutes: 0 of 8 measurements."
    assert "| dcgan |" in (tmp_path / "found.md").read_text()


def test_without_a_gpu_it_says_so(tmp_path):
    with pytest.raises(SystemExit, match="there is no GPU here; give --dry"):
        gpu.main(["--out", str(tmp_path / "found")])
