"""Examples to start from; they are installed for `fednet demo`."""
