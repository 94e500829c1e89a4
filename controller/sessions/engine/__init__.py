"""The half of a session that does I/O: it feeds the machine events, commits its decisions, and gives its orders."""
