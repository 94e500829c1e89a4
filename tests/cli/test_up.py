"""`fednet up`, with its real processes."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner

from fednet import APIClient
from fednet.addresses import host_of
from fednet.cli import main
from fednet.client import Client
from fednet.controller.records import COLLECTIONS
from fednet.identity import LocalNetwork, read_local_network
from fednet.own_address import advertised_host
from fednet.storage import open_documents
from fednet.tls import CallerTLS

SECONDS = 200


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_ready_file_tells_all_and_goes_with_the_network(up, tmp_path):
    """Its owner alone may read it; Ctrl-C ends every process, with exit code 0."""
    ready_file = tmp_path / "ready.json"
    with up("--combiners", 2, "--data-dir", tmp_path, "--ready-file", ready_file) as process:
        ready = json.loads(process.stdout.readline())
        written = json.loads(ready_file.read_text())
        mode = stat.S_IMODE(ready_file.stat().st_mode)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()

    assert ready == written
    assert mode == 0o600
    assert [combiner["name"] for combiner in ready["combiners"]] == ["combiner-1", "combiner-2"]
    assert set(ready["pids"]) == {"controller", "combiner-1", "combiner-2"}
    assert (process.returncode, errors) == (0, "")
    assert not ready_file.exists()
    assert not any(lives(pid) for pid in ready["pids"].values())


def test_several_controllers_share_the_stores(up, tmp_path, new_files):
    """The ready file and network.json have all addresses, also after one was killed and is back."""
    ready_file = tmp_path / "ready" / "ready.json"
    flags = ("--controllers", 2, "--data-dir", tmp_path, "--ready-file", ready_file)
    with up(*flags) as process:
        ready = json.loads(process.stdout.readline())
        changes = new_files(ready_file.parent)
        found = [combiners_at(url, ready["token"]) for url in ready["api_urls"]]
        os.kill(ready["pids"]["controller-1"], signal.SIGKILL)
        while_it_is_away = combiners_at(",".join(ready["api_urls"]), ready["token"])
        assert next(changes) == ready_file.name
        again = json.loads(ready_file.read_text())
        local = read_local_network(tmp_path)
        found_again = [combiners_at(url, ready["token"]) for url in ready["api_urls"]]
        process.send_signal(signal.SIGINT)
        process.communicate()

    assert ready["api_url"] == ready["api_urls"][0]
    assert len(set(ready["api_urls"])) == 2
    assert set(ready["pids"]) == {"controller-1", "controller-2", "combiner-1"}
    assert again["api_urls"] == ready["api_urls"]
    assert local == LocalNetwork(",".join(ready["api_urls"]), ready["token"])
    assert [*found, while_it_is_away, *found_again] == [["combiner-1"]] * 5
    assert process.returncode == 0
    assert not any(lives(pid) for pid in [*ready["pids"].values(), *again["pids"].values()])


def combiners_at(urls, token):
    with APIClient(urls, token=token) as api:
        return [each["name"] for each in api.get_combiners()["result"]]


def test_every_process_gets_the_bucket(up, tmp_path, s3_server):
    """The controller and its combiners start on it; no command line shows the secret, nor does a log."""
    ready_file, bucket = tmp_path / "ready.json", s3_server.new_bucket()
    url = s3_server.url(bucket)
    with up(*("--data-dir", tmp_path, "--ready-file", ready_file, "--blob-store", url)) as process:
        ready = json.loads(process.stdout.readline())
        lines = [Path(f"/proc/{pid}/cmdline").read_text() for pid in ready["pids"].values()]
        process.send_signal(signal.SIGINT)
        process.communicate()

    logs = [path.read_text() for path in (tmp_path / "logs").iterdir()]
    kept = [path.read_text() for path in tmp_path.rglob("credentials-*.json")]
    assert s3_server.client().bucket_exists(bucket)
    assert kept
    assert not any("w%3Ard" in text or "w:rd" in text for text in lines + logs + kept)


@pytest.mark.parametrize("name", ["controller", "combiner-1"])
def test_a_process_that_is_killed_is_back_on_its_address_and_data(up, tmp_path, new_files, name):
    """The ready file has its new process id, stderr a line that says so; the others live on."""
    ready_file = tmp_path / "ready" / "ready.json"
    with up("--data-dir", tmp_path, "--ready-file", ready_file) as process:
        ready = json.loads(process.stdout.readline())
        changes = new_files(ready_file.parent)
        with APIClient(ready["api_url"], token=ready["token"]) as api:
            combiners = api.get_combiners()["result"]
            os.kill(ready["pids"][name], signal.SIGKILL)
            assert next(changes) == ready_file.name
            again = json.loads(ready_file.read_text())
            found = api.get_combiners()["result"]
        combiner = grpc.insecure_channel(ready["combiners"][0]["address"])
        grpc.channel_ready_future(combiner).result(timeout=20)
        combiner.close()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()

    others = {each: pid for each, pid in ready["pids"].items() if each != name}
    assert again == ready | {"pids": others | {name: again["pids"][name]}}
    assert again["pids"][name] != ready["pids"][name]
    assert [each["id"] for each in found] == [each["id"] for each in combiners]
    assert re.fullmatch(
        rf"{name} was ended by signal 9 \(Killed\). It starts again in .* s.\n", errors
    )
    assert process.returncode == 0
    assert not any(lives(pid) for pid in [*ready["pids"].values(), *again["pids"].values()])


def test_a_process_that_cannot_start_is_named_and_takes_the_others_with_it(up, tmp_path):
    """It was never ready, so it is not tried again; with --json, the error is JSON too."""
    (tmp_path / "combiners").write_text("in the way")
    with up("--data-dir", tmp_path) as process:
        error = json.loads(process.stdout.readline())
        process.wait()

    assert process.returncode == 1
    assert error["message"].startswith("combiner-1 ended with exit code 6. Its log ends with:")


def test_a_second_network_in_the_folder_of_the_first_is_refused(up, tmp_path):
    """It says who has the folder, and changes nothing there; after a kill the folder is free."""
    with up("--data-dir", tmp_path) as first:
        first.stdout.readline()
        local = (tmp_path / "network.json").read_text()
        with up("--data-dir", tmp_path) as second:
            error = json.loads(second.stdout.readline())
            second.wait()
        unchanged = (tmp_path / "network.json").read_text()
        first.kill()
        first.wait()
        with up("--data-dir", tmp_path) as third:
            ready = json.loads(third.stdout.readline())
            third.send_signal(signal.SIGINT)
            third.communicate()

    assert (second.returncode, error["field"]) == (6, "data_dir")
    assert f"the process {first.pid}" in error["message"]
    assert unchanged == local
    assert "api_url" in ready


def test_only_their_owner_may_read_what_a_network_keeps(up, tmp_path):
    """Folders have the mode 0700 or lie in one; the state store, its companions, logs and credentials have 0600."""
    folder = tmp_path / "new" / "data"
    with up("--data-dir", folder) as process:
        process.stdout.readline()
        top = [folder.parent, folder, *(each for each in folder.iterdir() if each.is_dir())]
        private = [*folder.glob("state.db*"), *folder.glob("logs/*"), *folder.rglob("*.json")]
        modes = {each: stat.S_IMODE(each.stat().st_mode) for each in [*top, *private]}
        process.send_signal(signal.SIGINT)
        process.communicate()

    assert {path.name for path in private} >= {"state.db", "controller.log", "network.json"}
    assert {modes[path] for path in private} == {0o600}
    assert (modes[folder], modes[folder.parent]) == (0o700, 0o700)


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_a_network_trains_over_ipv6(up, tmp_path, seed, ipv6_loopback, host):
    """Controller, combiner and client find each other by addresses in brackets."""
    with up("--host", host, "--data-dir", tmp_path) as process:
        ready = json.loads(process.stdout.readline())
        with APIClient(ready["api_url"], token=ready["token"]) as api:
            client = Client(ready["api_url"], name="a", token=ready["token"])
            client.train(lambda parameters, _settings: (parameters, {"num_examples": 1}))
            running = threading.Thread(target=client.run)
            running.start()
            api.set_active_model(str(seed))
            wait_for_client(api)
            api.start_session("first", rounds=1)
            status = api.wait_session("first", timeout=SECONDS)["status"]
            client.stop()
            running.join(SECONDS)
        process.send_signal(signal.SIGINT)
        process.communicate()

    assert ready["api_url"].startswith(f"http://[{ipv6_loopback}]:")
    assert ready["combiners"][0]["address"].startswith(f"[{ipv6_loopback}]:")
    assert status == "FINISHED"


@pytest.mark.parametrize("flags", [(), ("--advertise-host", "127.0.0.3")])
def test_others_are_told_an_address_at_which_they_reach_a_network_on_all_addresses(
    up, tmp_path, flags
):
    """The given one, or the address of this machine; never 0.0.0.0."""
    with up("--host", "0.0.0.0", "--insecure", "--data-dir", tmp_path, *flags) as process:
        ready = json.loads(process.stdout.readline())
        with APIClient(ready["api_url"], token=ready["token"]) as api:
            registered = api.get_combiners()["result"][0]["address"]
        process.send_signal(signal.SIGINT)
        process.communicate()

    told = host_of(ready["combiners"][0]["address"])
    assert told == registered == (flags[1] if flags else advertised_host("0.0.0.0"))
    assert ready["api_url"].startswith("http://127.0.0.1:")


def test_a_network_speaks_tls_and_this_machine_finds_its_authority(up, tmp_path, monkeypatch):
    """On all addresses; the ready file and network.json name the authority, and callers need nothing else."""
    with up("--host", "0.0.0.0", "--tls", "--data-dir", tmp_path) as process:
        ready = json.loads(process.stdout.readline())
        monkeypatch.setenv("FEDNET_DATA_DIR", str(tmp_path))
        with APIClient() as api:
            combiner = api.get_combiners()["result"][0]
        health = CliRunner().invoke(
            main, ["controller", "health", "--url", ready["api_url"], "--ca", ready["ca"]]
        )
        process.send_signal(signal.SIGINT)
        process.communicate()

    assert ready["api_url"].startswith("https://127.0.0.1:")
    authority = tmp_path / "certificates" / "ca.pem"
    assert ready["ca"] == str(authority)
    assert read_local_network(tmp_path).tls == CallerTLS(authority)
    assert combiner["tls"]
    assert ready["combiners"][0]["tls"]
    assert health.exit_code == 0, health.output


def test_a_network_over_tls_trusts_the_authority_of_its_object_store(
    up, tmp_path, paper, s3_over_tls, seed
):
    """Beside its own one, which the store does not have; a file without authorities is refused at once."""
    url = s3_over_tls.url(s3_over_tls.new_bucket())
    refused = CliRunner().invoke(
        main, ["up", "--ca", str(tmp_path / "none.pem"), "--data-dir", str(tmp_path / "none")]
    )
    with up(
        *("--tls", "--ca", paper.ca, "--blob-store", url, "--data-dir", tmp_path / "net")
    ) as process:
        ready = json.loads(process.stdout.readline())
        with APIClient(ready["api_url"], token=ready["token"], ca=ready["ca"]) as api:
            is_stored = api.set_active_model(str(seed))["success"]
            combiners = api.get_combiners()["count"]
        process.send_signal(signal.SIGINT)
        process.communicate()

    assert (is_stored, combiners) == (True, 1)
    assert (refused.exit_code, "none.pem" in refused.output) == (2, True), refused.output
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        (("--host", "0.0.0.0"), "host"),
        (("--host", "10.0.0.7"), "host"),
        (("--host", "http://a"), "host"),
        (("--host", "a:8092"), "host"),
        (("--advertise-host", "a:8092"), "advertise_host"),
        (("--advertise-host", "::"), "advertise_host"),
        (("--advertise-host", "0.0.0.0"), "advertise_host"),
    ],
)
def test_hosts_are_checked_before_anything_is_started(tmp_path, flags, field):
    """The error names the flag's field."""
    command = ["up", "--json", *flags, "--data-dir", str(tmp_path)]
    result = CliRunner().invoke(main, command)

    assert result.exit_code == 2
    assert json.loads(result.stdout)["field"] == field
    assert list(tmp_path.iterdir()) == []


TRAINS = """
import sys
from fednet.client import Client

client = Client(sys.argv[1], name="a", token=sys.argv[2])

@client.train
def train(parameters, settings):
    print("it trains", flush=True)
    return parameters, {"num_examples": 1}

client.run()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_in_the_middle_of_a_session_leaves_no_error_in_any_log(up, tmp_path, seed, number):
    """Neither a traceback nor a line of gRPC's: not on stderr, not in the logs, and not at the client."""
    with up("--combiners", 2, "--data-dir", tmp_path) as process:
        ready = json.loads(process.stdout.readline())
        program = [sys.executable, "-c", TRAINS, ready["api_url"], ready["token"]]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(program, **pipes) as client:
            with APIClient(ready["api_url"], token=ready["token"]) as api:
                api.set_active_model(str(seed))
                wait_for_client(api)
                api.start_session("first", rounds=10_000)
            client.stdout.readline()
            process.send_signal(number)
            _, errors = process.communicate()
            client.terminate()
            _, of_client = client.communicate()

    logs = "".join(path.read_text() for path in (tmp_path / "logs").iterdir())
    assert (process.returncode, errors) == (0, "")
    for said in ("Traceback", "goaway", "CancelledError", " ERROR "):
        assert said not in logs
        assert said not in of_client


def wait_for_client(api):
    """Wait for the feed's entry of the first client that comes."""
    for entry in api.watch_feed(after=0):
        if entry["kind"] == "client_joined":
            return


@pytest.mark.parametrize("kind", ["controllers", "combiners"])
def test_a_port_above_the_last_one_is_refused(tmp_path, kind):
    """Before anything is started."""
    flag = {"controllers": "--port", "combiners": "--combiner-port"}[kind]
    result = CliRunner().invoke(
        main, ["up", flag, "65535", f"--{kind}", "2", "--data-dir", str(tmp_path)]
    )

    assert result.exit_code == 2
    assert flag in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_ready_file_that_cannot_be_written_is_refused_and_nothing_is_left(up, tmp_path):
    """The error names the flag."""
    (tmp_path / "file").touch()
    with up("--data-dir", tmp_path, "--ready-file", tmp_path / "file" / "ready.json") as process:
        error = json.loads(process.stdout.readline())
        process.wait()

    assert process.returncode == 6
    assert error["field"] == "ready_file"


def test_the_stores_addresses_may_lie_in_files(up, tmp_path, postgresql_url):
    """The controller keeps its state there, and no log tells the password."""
    secret = tmp_path / "state-store"
    secret.write_text(postgresql_url)
    with up("--data-dir", tmp_path / "data", "--state-store-file", secret) as process:
        ready = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.communicate()

    with closing(open_documents(postgresql_url, COLLECTIONS)) as documents:
        names = [combiner["name"] for combiner in documents.find("combiners")]
    logs = "".join(log.read_text() for log in (tmp_path / "data" / "logs").iterdir())
    assert names == [combiner["name"] for combiner in ready["combiners"]]
    assert not (tmp_path / "data" / "state.db").exists()
    assert "p%40ss" not in logs
    assert "p@ss" not in logs
