"""Examples to start from; installed so that `fednet demo` finds its own."""
