"""A Flower app whose clients return the model unchanged."""
