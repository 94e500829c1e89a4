"""A client of NVIDIA FLARE that returns the model unchanged; it runs in the job's process of a site."""

import nvflare.client as flare

if __name__ == "__main__":
    flare.init()
    while flare.is_running():
        model = flare.receive()
        if model is not None:
            flare.send(model)
