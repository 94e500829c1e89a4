"""An asynchronous participant that only downloads global models."""

import json
import sys
from pathlib import Path

import xaynet_sdk

if __name__ == "__main__":
    participant, notifier = xaynet_sdk.spawn_async_participant(sys.argv[1])
    try:
        while notifier.wait():
            model = participant.get_global_model()
            if model is not None:
                Path("global_model.bin").write_text(json.dumps(model))
    except KeyboardInterrupt:
        participant.stop()
