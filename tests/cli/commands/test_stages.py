"""The commands that are stages: what they import, and which module each calls."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from paragone.cli.commands import base, stages
from support import settings_files


@pytest.fixture
def project(root, tmp_path):
    return settings_files.copy(root, tmp_path)


def test_a_stage_reads_its_own_profile_and_imports_what_it_uses(project):
    """No other profile's file, no other model; and torch only where there is something to compute."""
    (project / "profiles/survey.yaml").write_text("broken: [")
    code = (
        "import sys\nfrom paragone.cli.commands import base, stages\nfrom paragone.project import checks\n"
        "root, params = base.settings('quick')\nassert 'torch' not in sys.modules\n"
        "stages._check_names(params, 'quick', 'mnist-5k', 'dcgan')\nchecks.row(params, 'quick', 'dcgan')\n"
        "print(*(name for name in sys.modules if name.startswith('paragone.models.') and 'layers' not in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"paragone.models.base", "paragone.models.gan", "paragone.models.gan.dcgan"}


@pytest.mark.parametrize("name", re.findall(r"_stage\(\"(\w+)\"", Path(stages.__file__).read_text()))
def test_the_module_of_every_command_is_where_the_command_looks(name: str) -> None:
    assert callable(base.module(f"stages.{name}").run)
