"""Tokens of the network: made, recorded, revoked, and told to the combiners."""
