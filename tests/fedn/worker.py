"""A client in a process of its own, whose training one can do in one's head.

It adds `step` to every parameter and says that it has learned from `num_examples` examples; its
accuracy is the mean of the parameters, and so is its prediction.
"""

import sys

import numpy as np

from fednet.client import Client


def main(api_url, token, name, step, num_examples):
    client = Client(api_url, name=name, token=token)

    @client.train
    def train(parameters, _settings):
        return [array + np.float32(step) for array in parameters], {"num_examples": num_examples}

    @client.validate
    def validate(parameters, _settings):
        return {"accuracy": float(np.mean(parameters[0])), "num_examples": num_examples}

    @client.predict
    def predict(parameters, _settings):
        return {"mean": float(np.mean(parameters[0]))}

    client.run()


if __name__ == "__main__":
    api_url, token, name, step, num_examples = sys.argv[1:]
    main(api_url, token, name, float(step), int(num_examples))
