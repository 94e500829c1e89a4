"""The process: `python -m fednet.host <module>:<object> <requests> <answers>`.

`requests` and `answers` are the descriptors of two pipes. The code is loaded when the first request arrives: an agent
that dies before it has taken charge of this process sends none, and the process ends when the pipe closes.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from fednet import limits
from fednet.errors import FednetError, InvalidModel, TaskFailed
from fednet.host._answers import check_metrics, check_predictions, check_update
from fednet.host._messages import Message, encode, read_message
from fednet.host._signatures import check_signature
from fednet.parameters import model_format


def main(target: str, requests: int, answers: int) -> None:
    """Answer requests until the pipe closes."""
    for pipe in (requests, answers):
        os.set_inheritable(pipe, False)
    sys.path.insert(0, str(Path.cwd()))
    client: Any = None
    with (
        open(requests, "rb", buffering=0) as incoming,
        open(answers, "wb", buffering=0) as outgoing,
    ):
        while request := read_message(incoming):
            try:
                if client is None:
                    client = load(target)
                answer = perform(client, request)
            except BaseException as error:  # noqa: BLE001 (user code may raise anything)
                answer = failure(request["task"], error)
            outgoing.write(encode(answer))


def load(target: str) -> Any:
    """Return the package's object; a class is called without arguments.

    Raises:
        InvalidInput: A method of the object cannot be called with parameters and settings.
    """
    module, _, name = target.partition(":")
    found = getattr(importlib.import_module(module), name)
    client = found() if isinstance(found, type) else found
    for task in ("train", "validate", "predict"):
        if (method := getattr(client, task, None)) is not None:
            check_signature(task, method)
    return client


def perform(client: Any, request: Message) -> Message:
    """Perform a request, and return its answer."""
    form = model_format(request["helper"])
    parameters = form.view(Path(request["model"]))
    settings = json.loads(Path(request["settings"]).read_bytes())
    function = getattr(client, request["task"], None)
    if function is None:
        raise TaskFailed(f"The package's client has no {request['task']} method: add one.")
    if request["task"] == "validate":
        return {"metrics": check_metrics(function(parameters, settings))}
    if request["task"] == "predict":
        return {"predictions": check_predictions(function(parameters, settings))}
    arrays, metadata = check_update(function(parameters, settings), parameters.names)
    try:
        with Path(request["update"]).open("wb") as file:
            form.write_to(file, arrays)
    except InvalidModel as error:
        raise TaskFailed(f"The train function's parameters: {error}") from error
    return {"metadata": metadata}


def failure(task: str, error: BaseException) -> Message:
    """Return the answer of a failed task; an error of ours has no traceback."""
    if isinstance(error, FednetError):
        return {"problem": str(error), "traceback": ""}
    reason = traceback.format_exception_only(error)[-1].strip()
    text = "".join(traceback.format_exception(error))
    return {
        "problem": f"The package's {task} failed: {reason}"[: limits.traceback_characters_max],
        "traceback": text[-limits.traceback_characters_max :],
    }


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
