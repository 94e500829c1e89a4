"""Accounts: the people of a network, their passwords and roles, and the tokens that they log in for."""
