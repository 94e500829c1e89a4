"""The feed: one ordered stream of everything that has happened in the network."""
