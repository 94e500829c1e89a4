"""An asynchronous participant that sets a local model after each new global model."""

import sys
from pathlib import Path

import xaynet_sdk

if __name__ == "__main__":
    participant, notifier = xaynet_sdk.spawn_async_participant(sys.argv[1])
    try:
        while notifier.wait():
            participant.get_global_model()
            participant.set_local_model([0.1, 0.2, 0.3, 0.4])
            Path("is_set").touch()
    except KeyboardInterrupt:
        participant.stop()
