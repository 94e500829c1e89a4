"""Certificates that Helm has made stay as they are, or are made anew together."""

import shutil

import helm_python
import pytest
from rendered import SETS, Chart

LOOKUP = 'lookup "v1" "Secret" $.Release.Namespace'
TRIAL = SETS["trial"]


@pytest.fixture(scope="module")
def upgraded(chart, tmp_path_factory):
    """Return what renders values where a cluster has some Secrets: what `lookup` would find is a value here."""
    folder = tmp_path_factory.mktemp("charts") / "fednet"
    shutil.copytree(chart.folder, folder)
    template = folder / "templates" / "certificates.yaml"
    text = template.read_text()
    assert LOOKUP in text
    template.write_text(text.replace(LOOKUP, "get $.Values.global"))
    copied = Chart(folder)
    yield lambda values, secrets: copied.render(values | {"global": secrets})
    copied.close()


@pytest.fixture(scope="module")
def installed(upgraded):
    """The Secrets of an installation, by their names."""
    return certificates_of(upgraded(TRIAL, {}))


def certificates_of(rendering):
    secrets = {each["metadata"]["name"]: each for each in rendering.of_kind("Secret")}
    return {name: each for name, each in secrets.items() if name.endswith("-tls")}


def test_an_upgrade_keeps_all_of_them(upgraded, installed):
    """Also if a store of the operator's needs one fewer."""
    stores = {"blobStore": {"url": "s3://host/bucket", "existingSecret": "keys"}}

    assert len(installed) == 3
    assert certificates_of(upgraded(TRIAL, installed)) == installed
    fewer = certificates_of(upgraded(TRIAL | stores, installed))
    assert len(fewer) == 2
    assert fewer.items() <= installed.items()


@pytest.mark.parametrize("lost", ["controller", "combiner", "objects"])
def test_some_without_the_others_are_refused(upgraded, installed, lost):
    """The key of their authority is gone; the error says which ones to delete."""
    rest = {name: each for name, each in installed.items() if lost not in name}

    with pytest.raises(helm_python.HelmRenderError, match="delete secret") as refused:
        upgraded(TRIAL, rest)
    assert all(name in str(refused.value) for name in rest)


def test_a_half_of_a_certificate_is_refused(upgraded, installed):
    """A new key would not belong to the kept certificate."""
    name, *_ = installed
    data = {key: each for key, each in installed[name]["data"].items() if key != "tls.key"}

    with pytest.raises(helm_python.HelmRenderError, match="delete secret"):
        upgraded(TRIAL, installed | {name: installed[name] | {"data": data}})


def test_other_hosts_are_not_ignored(upgraded, installed):
    """The error says what changed, and what to delete."""
    more = TRIAL | {"tls": {"extraHosts": ["fednet.example.org"]}}

    with pytest.raises(helm_python.HelmRenderError, match=r"extraHosts.*delete secret"):
        upgraded(more, installed)
    certified = certificates_of(upgraded(more, {}))
    assert certificates_of(upgraded(more, certified)) == certified
