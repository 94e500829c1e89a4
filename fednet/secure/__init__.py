"""Secure aggregation: the combiner and the controller learn the sum of the updates, and no single one.

Everything here is pure: messages in, messages or masks out. `terms` has what a round agrees on, `protocols` the
controller's side, `participant` the client's; `pet` and `secagg` are the two protocols.
"""
