"""Fuzzing: every parser that meets bytes from elsewhere, the bytes that it takes, and damage to them."""
