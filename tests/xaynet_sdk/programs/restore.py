"""An asynchronous participant that goes on from the state in a file, if there is one, and saves its state."""

import json
import sys
from pathlib import Path

import xaynet_sdk

if __name__ == "__main__":
    file = Path("state.bin")
    state = json.loads(file.read_text()) if file.exists() else None
    participant, _ = xaynet_sdk.spawn_async_participant(sys.argv[1], state)
    file.write_text(json.dumps(participant.stop()))
