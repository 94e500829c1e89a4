"""Tasks that wait for the approval of their package, at real agents."""


def test_a_package_runs_once_its_owner_has_approved_it(net, site, publish):
    """Until then the client is WAITING_APPROVAL; the waiting round takes it in at once."""
    digest = publish()
    site.start()
    net.api.start_session("s", rounds=1, round_timeout=100, round_retries=0, validate=False)
    waiting = wait_for(net, lambda each: each["progress"]["awaiting_approval"])
    document = site.client()
    unpacked = list(site.folder.rglob("unpacked"))

    told = site.owner("approve", "--latest")
    session = net.api.wait_session("s", timeout=100)

    assert waiting["progress"]["awaiting_approval"] == {digest: 1}
    assert document["readiness"] == "WAITING_APPROVAL"
    assert document["awaiting_approval"] == [{"digest": digest, "session_id": ""}]
    assert unpacked == []
    assert told["digest"] == digest
    assert told["agent_told"] is True
    assert session["status"] == "FINISHED"
    assert site.client()["readiness"] == "READY"


class _Reached(Exception):
    """The awaited state."""


def wait_for(net, is_reached):
    """Follow the session `s` until its document satisfies a condition, and return it."""

    def follow(session):
        if is_reached(session):
            raise _Reached(session)

    try:
        net.api.wait_session("s", follow, timeout=100)
    except _Reached as reached:
        return reached.args[0]
    raise AssertionError("the session has ended before")
