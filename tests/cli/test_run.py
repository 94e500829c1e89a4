"""`fednet run`: packages on this machine."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fednet.cli import main
from fednet.packages import create_package
from fednet.parameters import model_format


@pytest.fixture(params=["folder", "archive"])
def either(request, package, tmp_path):
    """The package as a folder, and as an archive."""
    if request.param == "folder":
        return package
    create_package(package, tmp_path / "package.tgz")
    return tmp_path / "package.tgz"


def run(*words):
    return CliRunner().invoke(main, ["run", *map(str, words)])


def test_train_writes_the_update_and_shows_the_metadata(either, seed, tmp_path):
    """The package is started first; the code's output goes to stderr, so that stdout is JSON."""
    update = tmp_path / "update.npz"

    result = run("train", "-p", either, "-i", seed, "-o", update, "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"num_examples": 3}
    assert result.stderr == "The startup command is running.\nstarting\ntraining\n"
    with np.load(update) as arrays:
        assert arrays["0"].shape == (2, 3)


@pytest.mark.parametrize("helper", ["binaryhelper", "safetensors"])
def test_a_model_of_every_format_is_trained_and_validated(package, tmp_path, helper):
    """Bare numbers do not show what they are: --helper says it."""
    form = model_format(helper)
    model, update = tmp_path / f"seed{form.suffix}", tmp_path / "update"
    form.write(model, [np.arange(4.0)])
    flags = ["--helper", helper] if form.suffix == ".bin" else []

    trained = run("train", "-p", package, "-i", model, "-o", update, *flags)
    validated = run("validate", "-p", package, "-i", model, *flags)

    assert (trained.exit_code, validated.exit_code) == (0, 0), trained.output
    assert form.load(update)[0].tolist() == [0, 1, 2, 3]
    assert run("validate", "-p", package, "-i", model, "--helper", "numpyhelper").exit_code == 2


def test_validate_shows_the_metrics_and_keeps_them_where_wanted(either, seed, tmp_path):
    """A table for people."""
    metrics = tmp_path / "metrics.json"

    result = run("validate", "-p", either, "-i", seed, "-o", metrics)

    assert result.exit_code == 0, result.output
    assert result.stdout.split() == ["field", "value", "accuracy", "0.5"]
    assert json.loads(metrics.read_text()) == {"accuracy": 0.5}


def test_predict_shows_what_was_predicted_and_keeps_it_where_wanted(either, seed, tmp_path):
    """A table for people; what is nested stands as JSON in it."""
    predictions = tmp_path / "predictions.json"

    result = run("predict", "-p", either, "-i", seed, "-o", predictions)

    assert result.exit_code == 0, result.output
    assert result.stdout.split()[:3] == ["field", "value", "labels"]
    assert json.loads(predictions.read_text()) == {"labels": [1, 2]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.json", '{"learning_rate": 0.001, "num_examples": 7}'),
        ("s.yaml", "learning_rate: 1e-3\nnum_examples: 7\n"),
    ],
)
def test_settings_of_a_file_reach_the_code(package, seed, tmp_path, name, text):
    """YAML's 1e-3 is a number, as everywhere else."""
    (tmp_path / name).write_text(text)
    (package / "train.sh").write_text('cp "$1" "$2"; cp "$1-metadata" "$2-metadata"\n')
    for each in ("validate.sh", "predict.sh"):
        (package / each).write_text('cp "$1-metadata" "$2"\n')
    files = ("-p", package, "-i", seed, "--settings", tmp_path / name, "--json")

    results = [
        run("train", *files, "-o", tmp_path / "update.npz"),
        run("validate", *files),
        run("predict", *files),
    ]

    assert [each.exit_code for each in results] == [0, 0, 0], results[0].output
    for each in results:
        assert json.loads(each.stdout) == {"learning_rate": 0.001, "num_examples": 7}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "values by name"),
        ("a: [", "Cannot read settings"),
        ("when: 2026-01-01", "is a date"),
        ("rounds: 1", "a setting of fednet"),
        ("1: 2", "must be a text"),
        ("a: " + "[" * 40_000, "settings"),
        ("x" * 100_000, "bytes"),
        ("a: &a [*a]", "levels deep"),
        ("a: .nan", "is nan"),
    ],
)
def test_a_file_without_settings_is_refused(package, seed, tmp_path, text, words):
    """The exit code is 2, and nothing runs."""
    (tmp_path / "settings.yaml").write_text(text)

    result = run("validate", "-p", package, "-i", seed, "--settings", tmp_path / "settings.yaml")

    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert "starting" not in result.stderr


def test_build_keeps_what_it_made(either, tmp_path):
    """Also from an archive, which is unpacked only while it runs."""
    result = run("build", "-p", either, "-o", tmp_path / "made", "--json")

    assert json.loads(result.stdout) == {"made": [str(tmp_path / "made" / "made.txt")]}
    assert (tmp_path / "made" / "made.txt").read_text() == "model\n"
    assert result.stderr == "building\n"


def test_build_puts_what_it_made_into_the_packages_folder(package):
    """There its author looks for it."""
    assert run("build", "-p", package).exit_code == 0
    assert (package / "made.txt").exists()


def test_startup_runs_what_a_client_runs_first(either):
    """And shows what it said."""
    result = run("startup", "-p", either)

    assert (result.exit_code, result.stderr) == (0, "starting\n")


def test_code_that_fails_is_exit_code_1(package, seed, tmp_path):
    """Its last words stand on stderr, and nothing is written."""
    (package / "train.sh").write_text("echo no data >&2; exit 3\n")

    result = run("train", "-p", package, "-i", seed, "-o", tmp_path / "update.npz")

    assert result.exit_code == 1
    assert result.stderr.endswith(
        "starting\nno data\nError: The package's train command failed with exit code 3: no data.\n"
    )
    assert not (tmp_path / "update.npz").exists()


def test_an_update_that_a_combiner_would_refuse_is_refused(package, seed, tmp_path):
    """Another structure than the model's: exit code 2."""
    np.savez(package / "other.npz", **{"0": np.zeros(7)})
    (package / "train.sh").write_text(
        'cp other.npz "$2"; echo \'{"num_examples": 3}\' > "$2-metadata"\n'
    )

    result = run("train", "-p", package, "-i", seed, "-o", tmp_path / "update.npz")

    assert result.exit_code == 2
    assert "The global model has 2 arrays" in result.stderr


def test_an_entry_point_that_is_missing_is_named(package):
    """The manifest is at fault, and the message says so."""
    (package / "fednet.yaml").write_text("entry_points: {train: {command: sh train.sh}}\n")

    result = run("startup", "-p", package)

    assert result.exit_code == 1
    assert "no entry point startup" in result.stderr


def test_a_folder_that_is_no_package_is_refused(tmp_path):
    """Exit code 2."""
    assert run("build", "-p", tmp_path).exit_code == 2


def test_a_model_that_is_none_is_refused_before_anything_runs(package, tmp_path):
    """The package's code is not to blame."""
    (tmp_path / "model.npz").write_text("no model")

    result = run("validate", "-p", package, "-i", tmp_path / "model.npz")

    assert result.exit_code == 2


def test_an_environment_is_built_once_and_its_steps_are_told(package):
    """The second run finds it; nothing of it mixes with the result."""
    (package / "python_env.yaml").write_text("name: small\ndependencies: []\n")
    manifest = package / "fednet.yaml"
    manifest.write_text("python_env: python_env.yaml\n" + manifest.read_text())

    first = run("startup", "-p", package, "--json")
    second = run("startup", "-p", package, "--json")

    assert json.loads(first.stdout) == {"startup": "ok"}
    assert "python_env small is ready" in first.stderr
    assert second.stderr == "starting\n"


def test_a_package_that_names_an_object_is_run_too(package, seed, tmp_path):
    """In a process that holds it, as a client would."""
    (package / "fednet.yaml").write_text("client: code:Code\n")
    (package / "code.py").write_text(
        "class Code:\n"
        "    def train(self, parameters, settings):\n"
        "        return parameters, {'num_examples': 5}\n"
    )

    result = run("train", "-p", package, "-i", seed, "-o", tmp_path / "update.npz", "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"num_examples": 5}


def test_the_same_files_run_as_in_the_package(package):
    """A file that is left out of the package is missing here, too, and stderr names it; `--include` packs it."""
    (package / "labels.csv").write_text("a,b")
    (package / "fednet.yaml").write_text(
        "entry_points: {startup: {command: cat labels.csv}, train: {command: sh train.sh}}\n"
    )

    without = run("startup", "-p", package)
    with_it = run("startup", "-p", package, "--include", "labels.csv")

    assert without.exit_code == 1
    assert "Not packed: labels.csv (data)" in without.stderr
    assert with_it.exit_code == 0


def test_a_build_that_makes_nothing_fails(package):
    """The message names what was looked for."""
    (package / "fednet.yaml").write_text(
        "entry_points: {build: {command: 'true'}, train: {command: sh train.sh}}\n"
    )

    result = run("build", "-p", package)

    assert result.exit_code == 1
    assert "made no file in the package's folder or the 3 folders above it" in result.stderr


@pytest.mark.parametrize("path", ["../seed.npz", "../../models/seed.npz", "seed.npz"])
def test_build_keeps_its_files_where_it_writes_them(package, path):
    """In the package's folder and above it; with --output in that folder."""
    (package / "fednet.yaml").write_text(
        f"entry_points: {{build: {{command: 'mkdir -p {Path(path).parent}; echo x > {path}'}}, "
        "train: {command: sh train.sh}}\n"
    )
    package = package.rename(package.parent / "code").rename(package.parent / "client")

    here = json.loads(run("build", "-p", package, "--json").stdout)["made"]
    there = json.loads(run("build", "-p", package, "-o", package / "out", "--json").stdout)["made"]

    assert [Path(each).resolve() for each in here] == [(package / path).resolve()]
    assert Path(there[0]).is_relative_to(package / "out")


def test_the_traceback_of_an_object_is_shown(package, seed):
    """Of the commands, too, whose output goes to stderr anyway; once."""
    (package / "fednet.yaml").write_text("client: model:Client\n")
    (package / "model.py").write_text(
        "class Client:\n    def validate(self, parameters, settings):\n        return undefined\n"
    )

    result = run("validate", "-p", package, "-i", seed)

    assert result.exit_code == 1
    assert result.stderr.count("Traceback (most recent call last)") == 1
    assert "in validate" in result.stderr
    assert "NameError" in result.stderr


def test_the_output_of_an_installer_that_fails_is_shown(package, seed):
    """Its last lines have the reason."""
    (package / "fednet.yaml").write_text(
        "python_env: env.yaml\nentry_points: {validate: {command: sh validate.sh}}\n"
    )
    (package / "env.yaml").write_text("dependencies: [./no-such-folder]\n")

    result = run("validate", "-p", package, "-i", seed)

    assert result.exit_code == 1
    assert "no-such-folder" in result.stderr
