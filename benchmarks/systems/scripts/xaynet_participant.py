"""One participant of Xaynet's published SDK; prints the CPU seconds of its longest step, as JSON.

    python xaynet_participant.py URL WEIGHTS STEPS

It takes so many steps of its state machine, or as many as it needs until the coordinator has its last message.
"""

import json
import sys
import time
import urllib.request

from xaynet_sdk import xaynet_sdk


def main() -> None:
    """Take the steps, and print."""
    url, weights, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    participant = xaynet_sdk.Participant(url, 0.5, None)
    longest = 0.0
    for _ in range(steps):
        began = time.process_time()
        participant.tick()
        longest = max(longest, time.process_time() - began)
        if participant.should_set_model():
            participant.set_model([0.25] * weights)
        with urllib.request.urlopen(f"{url}/done") as answer:
            if answer.read():
                break
    print(json.dumps(longest))


main()
