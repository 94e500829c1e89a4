"""Tasks that wait for an approval, at real agents in a real network."""

import os
import select

import pytest

from fednet.errors import InvalidInput
from fednet.identity import create_package_key, read_package_key
from fednet.packages import sign_package


def test_a_package_runs_once_its_owner_has_approved_it(site, publish):
    """Until then nothing is unpacked; the session that waits takes the client in at once."""
    digest = publish()
    site.start()
    site.start_session()
    waiting, document = site.until_waiting(), site.client()
    unpacked = list(site.folder.rglob("unpacked"))

    told = site.owner("approve", digest)

    assert waiting == {digest: 1}
    assert document["readiness"] == "WAITING_APPROVAL"
    assert document["awaiting_approval"] == [{"digest": digest, "session_id": ""}]
    assert unpacked == []
    assert (told["digest"], told["is_approved"], told["agent_told"]) == (digest, True, True)
    assert site.end_of() == "FINISHED"
    assert site.client()["readiness"] == "READY"


def test_a_round_goes_on_without_the_client_that_waits(site, net, publish):
    """It does not wait for its deadline; the next session does not ask the client, and the log tells it once."""
    publish()
    site.start("a")
    site.start("b", policy="any")
    for name in ("s", "t"):
        site.start_session(name, min_clients=1, rounds=2, round_timeout=1000)
        assert site.end_of(name) == "FINISHED"
    answers = [net.api.get_rounds(session_id=name)["result"] for name in ("s", "t")]

    assert [each["problems"] for each in answers[1]] == [[], []]
    assert [len(each["problems"]) for each in reversed(answers[0])] == [1, 0]
    assert len(site.told()) == 1


def test_a_session_with_too_few_clients_says_what_they_wait_for(site, publish):
    """Its reason has the digest, and the commands for the owners."""
    digest = publish()
    site.start()
    site.start_session(round_timeout=2)

    session = site.net.api.wait_session("s", timeout=100)

    assert session["status"] == "FAILED"
    assert f"1 client waits for the approval of {digest}" in session["reason"]
    assert f"fednet client approve {digest}" in session["reason"]


def test_a_restarted_agent_still_waits(site, publish):
    """It says so in its first message; what was approved meanwhile runs."""
    digest = publish()
    agent = site.start()
    site.start_session()
    site.until_waiting()
    agent.stop()
    again = site.start()
    site.start_session("t")
    waiting, document = site.until_waiting("t"), site.client()
    again.stop()
    told = site.owner("approve", digest)
    site.start()

    assert waiting == {digest: 1}
    assert document["awaiting_approval"] == [{"digest": digest, "session_id": ""}]
    assert told["agent_told"] is False
    assert (site.end_of("s"), site.end_of("t")) == ("FINISHED", "FINISHED")


def test_an_agent_that_cannot_be_told_of_an_approval_is_asked_again(site, publish):
    """There is no FIFO in its folder, so it learns of the approval with its next task."""
    digest = publish()
    (site.folder / "a" / "approvals.bell").mkdir(parents=True)
    site.start()
    site.start_session("s")
    before = site.end_of("s")
    told = site.owner("approve", digest)
    site.start_session("t")

    assert (before, told["agent_told"]) == ("FAILED", False)
    assert site.end_of("t") == "FINISHED"


def test_revoking_ends_the_running_task_and_its_process(site, net, publish, tmp_path):
    """The coordinator sees that the client waits, and the answer stays at the site."""
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    digest = publish(train=f"echo $$ > {begun}; exec sleep 1000")
    site.start(sandbox="process")  # in a box, neither the pipe nor the process's id is ours
    site.start_session(min_clients=1)
    site.until_waiting()
    site.owner("approve", digest)
    process = os.pidfd_open(int(begun.read_text()))

    site.owner("revoke", digest)

    assert site.until_waiting() == {digest: 1}
    assert has_ended(process)
    assert net.api.get_rounds(session_id="s")["result"][0]["problems"]


def has_ended(process):
    """Wait until a process has ended."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(60_000))


def test_a_signed_package_runs_where_its_key_is_trusted(site, publish, tmp_path):
    """Another key's package waits, and its owner may approve it all the same."""
    for name in ("ours", "theirs"):
        create_package_key(tmp_path / f"{name}.key", tmp_path / f"{name}.pub")

    def signed_by(name):
        key = read_package_key(tmp_path / f"{name}.key")
        return lambda path: sign_package(path, path, key)

    site.start(policy="signed", trusted_keys=tmp_path / "ours.pub")
    publish(edit=signed_by("ours"))
    site.start_session("s")
    ours = site.end_of("s")
    theirs = publish(edit=signed_by("theirs"))
    site.start_session("t")
    waiting = site.until_waiting("t")
    facts = site.owner("review", theirs, "--trusted-keys", str(tmp_path / "ours.pub"))
    site.owner("approve", theirs)

    assert ours == "FINISHED"
    assert waiting == {theirs: 1}
    assert [each["trusted_as"] for each in facts["signers"]] == [None]
    assert site.end_of("t") == "FINISHED"


def test_the_policy_signed_needs_keys(site):
    """An agent that could run nothing does not start."""
    with pytest.raises(InvalidInput) as caught:
        site.start(policy="signed")
    assert caught.value.field == "trusted_keys"


def test_a_tampered_package_is_never_run(site, publish, tmp_path):
    """Between two tasks, and before a restart: it is unpacked again."""
    marker = tmp_path / "tampered"
    digest = publish()
    agent = site.start(policy="any")
    site.start_session("s")
    assert site.end_of("s") == "FINISHED"
    [script] = site.folder.rglob("unpacked/train.sh")
    script.write_text(f"touch {marker}")
    site.start_session("t")
    assert site.end_of("t") == "FINISHED"
    agent.stop()
    script.write_text(f"touch {marker}")
    script.with_name("more.sh").write_text("")
    site.start(policy="any")
    site.start_session("u")

    assert site.end_of("u") == "FINISHED"
    assert not marker.exists()
    assert sorted(path.name for path in script.parent.iterdir()) == ["fednet.yaml", "train.sh"]
    assert digest in str(script)


def test_settings_that_a_package_declares_are_approved_with_it(site, publish):
    """Others wait for an approval of their own, which covers these values in each session."""
    digest = publish()
    site.start()
    site.start_session("s", settings={"learning_rate": 0.5})
    site.until_waiting("s")
    site.owner("approve", digest)
    declared = site.end_of("s")
    site.start_session("t", settings={"learning_rate": 2, "layers": [1]})
    [waiting] = site.until_waiting("t")
    facts = site.owner("review", "--latest")
    site.owner("approve", waiting)
    others = site.end_of("t")
    site.start_session("u", settings={"layers": [1], "learning_rate": 2})

    assert (declared, others, site.end_of("u")) == ("FINISHED", "FINISHED", "FINISHED")
    assert facts["settings"] == {"learning_rate": 2, "layers": [1]}
    assert facts["digest"] == waiting


def test_functions_of_the_site_take_the_settings_that_they_declare(site):
    """Their code needs no approval; settings beyond the declaration do."""
    seen = []

    def train(parameters, settings):
        seen.append(settings["learning_rate"])
        return parameters, {"num_examples": 1}

    site.start(train=train, takes={"learning_rate": {"type": "number", "max": 1}})
    site.start_session("s", settings={"learning_rate": 1})
    declared = site.end_of("s")
    site.start_session("t", settings={"learning_rate": 2})
    [waiting] = site.until_waiting("t")
    site.owner("approve", waiting)

    assert (declared, site.end_of("t")) == ("FINISHED", "FINISHED")
    assert seen == [1, 2]
