"""Simulated parts of a network, so that one machine can measure the others."""
