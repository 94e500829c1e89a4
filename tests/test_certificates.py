"""Certificates of a trial network."""

import stat

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from fednet.certificates import make_certificates
from fednet.errors import FailedPrecondition, InvalidInput


def read(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_servers_certificate_is_good_for_all_hosts_and_loopback(tmp_path):
    """As a strict verifier sees it: that of `cryptography` follows RFC 5280."""
    import ipaddress

    made = make_certificates(tmp_path, ["a.example.org", "10.0.0.7", "2001:db8::7"])

    verifiers = PolicyBuilder().store(Store([read(made.ca)]))
    addresses = ["10.0.0.7", "2001:db8::7", "127.0.0.1", "::1"]
    subjects = [x509.DNSName(name) for name in ("a.example.org", "localhost")]
    subjects += [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
    for subject in subjects:
        chain = verifiers.build_server_verifier(subject).verify(read(made.certificate), [])
        assert chain[-1] == read(made.ca)


def test_no_certificate_outlives_its_authority(tmp_path):
    """Nobody would trust it then."""
    made = make_certificates(tmp_path, ["a"], days=100_000)

    assert read(made.certificate).not_valid_after_utc == read(made.ca).not_valid_after_utc


def test_keys_are_for_their_owner_alone(tmp_path):
    """The authority's, the servers' and the clients'."""
    make_certificates(tmp_path, ["a"], ["site"])

    keys = list(tmp_path.glob("*.key"))
    assert {path.name for path in keys} == {"ca.key", "server.key", "client-site.key"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}


def test_a_second_run_renews_certificates_and_replaces_no_key(tmp_path):
    """With the same authority, so that callers need no other file."""
    make_certificates(tmp_path, ["a"], ["site"])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    make_certificates(tmp_path, ["a", "b"], ["site", "other"])

    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"server.pem", "client-site.pem"}
    assert after.keys() - before.keys() == {"client-other.pem", "client-other.key"}


def test_a_folder_with_something_else_under_these_names_is_left_as_it_is(tmp_path):
    """A certificate that does not belong to the key, too."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "ca.key").write_text("my diary")
    with pytest.raises(FailedPrecondition, match="is not a key"):
        make_certificates(tmp_path / "one", ["a"])
    assert (tmp_path / "one" / "ca.key").read_text() == "my diary"

    for name in ("two", "three"):
        make_certificates(tmp_path / name, ["a"])
    (tmp_path / "two" / "ca.pem").write_bytes((tmp_path / "three" / "ca.pem").read_bytes())
    with pytest.raises(FailedPrecondition, match="does not belong"):
        make_certificates(tmp_path / "two", ["a"])


@pytest.mark.parametrize("host", ["https://a", "a:8092", "", "bücher.example"])
def test_a_host_is_a_name_or_an_address(tmp_path, host):
    """Nothing is written for another one."""
    with pytest.raises(InvalidInput) as refused:
        make_certificates(tmp_path / "new", [host])

    assert refused.value.field == "host"
    assert not (tmp_path / "new").exists()
