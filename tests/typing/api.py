"""What a user writes, held against the public types by `make types`; it is checked, never run."""

from pathlib import Path
from typing import Any

import numpy as np

from fednet import APIClient
from fednet.client import Client
from fednet.errors import FednetError, InvalidModel, NotFound
from fednet.server_functions import ServerFunctionsBase
from fednet.testing import Network

Parameters = list[np.ndarray]


def train(parameters: Parameters, settings: dict[str, Any]) -> tuple[Parameters, dict[str, Any]]:
    learning_rate = float(settings.get("learning_rate", 0.1))
    return [array * (1 - learning_rate) for array in parameters], {"num_examples": 120}


def validate(parameters: Parameters, settings: dict[str, Any]) -> dict[str, float]:
    del settings
    return {"accuracy": float(parameters[0].mean()), "num_examples": 30.0}


def predict(parameters: Parameters, settings: dict[str, Any]) -> dict[str, list[float]]:
    del settings
    return {"scores": list(map(float, parameters[0]))}


class Functions(ServerFunctionsBase):
    def client_selection(self, client_ids: list[str]) -> list[str]:
        return client_ids[:2]

    def client_settings(self, global_model: Parameters) -> dict[str, Any]:
        return {"learning_rate": float(global_model[0].mean())}


def a_notebook() -> dict[str, Any]:
    api = APIClient("127.0.0.1", 8092, token="secret")
    api.set_active_package("package.tgz", helper="numpyhelper", name="digits")
    api.set_active_model("seed.npz")
    api.set_active_model("seed.bin", helper="androidhelper")
    api.start_session("first", rounds=3, min_clients=2, round_timeout=60)
    api.start_session(server_functions=Functions)
    api.start_session(server_functions=Path("functions.py"))
    session = api.wait_session("first")
    if session["status"] == "FINISHED":
        api.continue_session("first", rounds=2)
    api.plot_validations("first", metric="accuracy").show()
    for model in api.get_model_trail():
        api.download_model(model["id"], "model.npz")
    return session


def a_client_with_decorators() -> None:
    client = Client(
        "http://127.0.0.1:8092",
        name="hospital-1",
        token="secret",
        takes={"epochs": "integer", "learning_rate": {"type": "number", "min": 0, "max": 1}},
        policy="pinned",
    )

    @client.train
    def own_train(
        parameters: Parameters, settings: dict[str, Any]
    ) -> tuple[Parameters, dict[str, Any]]:
        return train(parameters, settings)

    client.validate(validate)
    client.predict(predict)
    client.run()
    # A decorator keeps the type of its function.
    own_train([np.zeros(3)], {})[1].keys()


def a_network_in_one_process() -> tuple[str, str]:
    with Network(combiners=2) as network:
        network.add_client("a", train=train, validate=validate, predict=predict)
        network.api.start_predictions("second", requested_clients=1)
        network.api.start_session("first", rounds=1)
        return network.api_url, network.token


def errors_have_types(api: APIClient, path: Path) -> str | None:
    try:
        api.set_active_model(str(path))
    except InvalidModel as error:
        return error.field
    except NotFound as error:
        return str(error.to_dict()["message"])
    except FednetError as error:
        return error.message if error.retryable else error.code
    return None
