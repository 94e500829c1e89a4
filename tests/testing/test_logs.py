"""The logs of all parts of a network: one line for each task, round, session and change of connection."""

import logging
import re

import numpy as np

from fednet.task_ids import task_id_of
from fednet.testing import Network

SECONDS = 200


def train(parameters, _settings):
    return parameters, {"num_examples": 1}


def broken(_parameters, _settings):
    raise ValueError("no data here")


def test_each_part_tells_its_work_with_ids(tmp_path, caplog):
    """A reader finds every session, round, task and connection in the log of each part, once."""
    caplog.set_level(logging.INFO, logger="fednet")
    with Network(data_dir=tmp_path) as net:
        net.api.set_active_model([np.zeros(2)])
        net.add_client("good", train=train)
        net.add_client("bad", train=broken)
        net.api.start_session("one", rounds=2, validate=False, requested_clients=2)
        net.api.wait_session("one", timeout=SECONDS)
        rounds = net.api.get_rounds(session_id="one")["result"]
        answers = [
            each for one in rounds for each in net.api.get_round_answers(one["id"])["result"]
        ]
        ids = {each["name"]: each["id"] for each in net.api.get_clients()["result"]}
        net.remove_client("bad")
        net.remove_client("good")

    def said(part, words):
        lines = [each for each in caplog.records if each.name.startswith(f"fednet.{part}.")]
        return [each.getMessage() for each in lines if re.search(words, each.getMessage())]

    for answer in answers:
        name = answer["client"]["name"]
        task = task_id_of(answer["phase_id"], ids[name])
        (of_client,) = said("client", f"task {task} .*session one.* has ended")
        (of_combiner,) = said("combiner", f"task {task} .*of client {ids[name]}")
        if name == "bad":
            assert "no data here" in of_client
            assert "no data here" in of_combiner
    assert len(answers) == 4
    for number in (1, 2):
        assert len(said("combiner", f"phase .*round {number} of session one.* asks 2 clients")) == 1
        assert (
            len(said("combiner", f"phase .*round {number} of session one.* is closed with 1")) == 1
        )
        assert len(said("controller", f"session one: round {number} begins")) == 1
        assert (
            len(said("controller", f"session one: round {number} is FINISHED.*1 of 2 clients")) == 1
        )
    assert len(said("controller", "session one is FINISHED: all rounds are done")) == 1
    for client_id in ids.values():
        assert len(said("combiner", f"client {client_id} is connected")) == 1
        assert len(said("combiner", f"client {client_id} is disconnected")) == 1
        assert (
            len(said("controller", f"{client_id}.* is connected to the combiner combiner-1")) == 1
        )
    assert len(said("client", "connected to the combiner combiner-1 at")) == 2
    assert len(said("client", "disconnected from the combiner combiner-1")) == 2
    assert len(said("controller", "^connected to the combiner combiner-1")) == 1
    assert len(said("combiner", "controller .* is connected")) == 1
