"""Plugins: the example one installed for real, clashes, failures, and saved files that need one."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests import forked

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "extensions" / "example-plugin"


def write_plugin(folder: Path, distribution: str, body: str) -> None:
    """A distribution as pip lays it out: a module, and metadata with the entry point."""
    module = distribution.replace("-", "_")
    (folder / f"{module}.py").write_text(body)
    metadata = folder / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[lepton_lab.plugins]\n{distribution} = {module}\n")


def run_python(code: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a process of its own that also sees the distributions in `folders`."""
    path = f"import sys; sys.path[:0] = {[str(folder) for folder in folders]!r}\n"
    return forked.run_python(path + code, folder="/")


LAYER = """
import lepton_lab as ll
from torch import nn

@ll.register_layer
class Doubling(nn.Module):
    \"\"\"Twice the input.\"\"\"
    def forward(self, x):
        return 2 * x
"""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example plugin installed by pip, apart from this environment."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "--target", str(target), str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def test_the_example_passes_its_own_tests(example: Path) -> None:
    done = run_python(
        f"import pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', {str(EXAMPLE / 'tests')!r}]))", example
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_info_shows_the_plugin(example: Path) -> None:
    done = run_python("from lepton_lab import cli; sys.exit(cli.main(['info', '--json']))", example)
    plugins = json.loads(done.stdout)["plugins"]
    assert {"name": "example", "distribution": "lepton-lab-example", "version": "0.1.0", "error": None} in plugins


def test_a_saved_network_says_which_plugin_it_needs(example: Path, tmp_path: Path) -> None:
    file = tmp_path / "network.json"
    made = f"import lepton_lab as ll; ll.NetworkSpec([ll.layer('Maxout', 8)], input_shape=(5,)).save({str(file)!r})"
    assert run_python(made, example).returncode == 0
    done = run_python(f"import lepton_lab as ll; ll.NetworkSpec.load({str(file)!r})")
    assert "PluginError" in done.stderr
    assert "pip install lepton-lab-example" in done.stderr


def test_a_plugin_that_is_imported_by_hand_is_still_named(example: Path) -> None:
    code = """
import lepton_lab_example as example
import lepton_lab as ll
print(ll.NetworkSpec([example.Maxout.spec(8)]).plugins)
"""
    done = run_python(code, example)
    assert "lepton-lab-example" in done.stdout, done.stderr


def test_two_plugins_of_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    write_plugin(tmp_path, "plugin-one", LAYER)
    write_plugin(tmp_path, "plugin-two", LAYER)
    code = """
import lepton_lab as ll
for attempt in range(2):
    try:
        ll.layer("NoSuchLayer")
    except ll.PluginError as error:
        print(error)
print(ll.NetworkSpec([ll.Linear(2)], input_shape=(3,)).build())
"""
    done = run_python(code, tmp_path)
    assert done.stdout.count("'plugin-one'") == 2, done.stdout + done.stderr
    assert done.stdout.count("'plugin-two'") == 2
    assert "Linear(in_features=3" in done.stdout


def test_a_plugin_that_fails_warns_and_stays_out_whole(tmp_path: Path) -> None:
    write_plugin(tmp_path, "good-plugin", LAYER)
    write_plugin(tmp_path, "sick-plugin", LAYER.replace("Doubling", "Halving") + "\nraise OSError('no disk')\n")
    code = """
import lepton_lab as ll
from lepton_lab.plugins import plugins
print(ll.layer("Doubling"))
try:
    ll.layer("Halving")
except ll.UnknownNameError as error:
    print("unknown:", error.name)
print([(p.name, str(p.error)) for p in plugins() if p.error])
"""
    done = run_python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "sick-plugin 1.0 could not be loaded" in done.stderr
    assert "unknown: Halving" in done.stdout
    assert "[('sick-plugin', 'no disk')]" in done.stdout


def test_this_environment_has_no_plugin_of_the_tests() -> None:
    assert not list(Path(sysconfig.get_path("purelib")).glob("lepton_lab_example*"))
