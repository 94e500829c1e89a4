"""Many clients in one process, each with its threads and its connection, as at many sites.

python -m chaos.crowd API_URL TOKEN NAME…
"""

import logging
import sys
import threading

from fednet.client import Client


def main(api_url: str, token: str, *names: str) -> None:
    """Serve until the process is killed."""
    logging.getLogger("fednet").setLevel(logging.ERROR)  # a lost combiner is part of the test
    threads = [threading.Thread(target=_serve, args=(api_url, token, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _serve(api_url: str, token: str, name: str) -> None:
    client = Client(api_url, name=name, token=token)
    client.train(lambda parameters, _settings: (parameters, {"num_examples": 1}))
    client.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
