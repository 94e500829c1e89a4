"""Drives a network with the APIClient of a published FEDn; run by the Python of FEDn's own environment.

Takes one JSON object as its argument and prints another: what each method answered, by its name.
"""

import inspect
import json
import sys
import threading
import time
from pathlib import Path

import plotly.io
import requests
from fedn import APIClient

SESSION_SECONDS_MAX = 60
LISTS = (
    "clients",
    "combiners",
    "models",
    "packages",
    "rounds",
    "sessions",
    "statuses",
    "validations",
)
ONE = {name: name.rstrip("s") for name in LISTS} | {"statuses": "status"}


class Drive:
    """One life of a network, method by method."""

    def __init__(self, asked):
        self.asked = asked
        self.folder = Path(asked["folder"])
        self.address = f"http://{asked['host']}:{asked['port']}"
        self.client = APIClient(
            asked["host"], asked["port"], secure=False, token=asked["token"], auth_scheme="Bearer"
        )
        self.told = {}

    def call(self, method, *args, told_as=None, **kwargs):
        answer = getattr(self.client, method)(*args, **kwargs)
        self.told[told_as or method] = answer
        return answer

    def set_up(self):
        self.call("get_controller_status", told_as="status before")
        self.call(
            "set_active_package", self.asked["package"], "numpyhelper", name="ours", description="x"
        )
        self.call("set_active_model", self.asked["seed"])
        self.call("get_active_clients")

    def train(self):
        options = {"rounds": 2, "min_clients": 2, "requested_clients": 2, "round_timeout": 60}
        is_older = "id" in inspect.signature(self.client.start_session).parameters
        named = {"id": "ours"} if is_older else {"name": "ours"}
        self.call("start_session", **named, **options)
        if is_older:
            self.call("start_session", **named, told_as="start_session again")
        return "ours" if is_older else self.told["start_session"]["session_id"]

    def watch(self, session_id):
        deadline = time.monotonic() + SESSION_SECONDS_MAX
        while not self.call("session_is_finished", session_id) and time.monotonic() < deadline:
            threading.Event().wait(0.1)
        self.call("get_session_status", session_id)

    def read_back(self, session_id):
        for name in LISTS:
            listed = self.call(f"get_{name}")
            self.call(f"get_{name}", n_max=1, told_as=f"get_{name} n_max=1")
            self.call(f"get_{name}_count")
            if name != "sessions":
                self.call(f"get_{ONE[name]}", listed["result"][0]["id"])
        self.call("get_session", session_id)
        self.call("get_client", "nope", told_as="get_client nope")
        for method in ("get_models", "get_statuses", "get_validations"):
            self.call(method, session_id=session_id, told_as=f"{method} of the session")
        for method in ("get_active_model", "get_active_package", "get_package_checksum"):
            self.call(method)
        self.call("get_client_config")
        self.call("get_controller_status")
        model_id = self.told["get_active_model"]["id"]
        self.call("get_validations", model_id=model_id, told_as="get_validations of the model")
        self.call("get_model_trail")
        self.call("get_model_trail", reverse=False, include_self=False, told_as="ancestors")
        self.call("download_model", model_id, str(self.folder / "model.npz"))
        self.call("download_package", str(self.folder / "package.tgz"))

    def plot(self):
        """What FEDn's own dashboard draws, read by the Plotly that FEDn brings along."""
        headers = {"Authorization": f"Bearer {self.asked['token']}"}
        answer = requests.get(f"{self.address}/get_plot_data", headers=headers, timeout=30).json()
        figure = plotly.io.from_json(answer["box_plot"])
        kinds = [trace.type for trace in figure.data]
        self.told["plot"] = {"valid_metrics": answer["valid_metrics"], "traces": kinds}

    def use_what_is_newer(self, session_id):
        """The methods that only FEDn 0.33 has."""
        sender = {"name": "a", "role": "", "client_id": self.told["get_clients"]["result"][0]["id"]}
        for value in ("true", "false"):
            self.call("add_attributes", {"key": "charging", "value": value, "sender": sender})
        self.call("get_current_attributes", [sender["client_id"], "nope"])
        self.call("start_predictions", prediction_id="asked")
        self.watch("asked")
        self.call("get_predictions", correlation_id="asked")
        self.call("get_session", name="ours", told_as="get_session by name")
        self.call("start_splitlearning_session", name="split", model_id="x")
        self.call("continue_session", session_id, rounds=1)
        self.watch(session_id)
        self.call("get_session", session_id, told_as="get_session continued")


def main():
    drive = Drive(json.loads(sys.argv[1]))
    drive.set_up()
    session_id = drive.train()
    drive.watch(session_id)
    drive.read_back(session_id)
    drive.plot()
    if hasattr(drive.client, "continue_session"):
        drive.use_what_is_newer(session_id)
    json.dump(drive.told, sys.stdout)


if __name__ == "__main__":
    main()
