"""The controller: steers sessions, keeps the state of the network, answers REST."""
