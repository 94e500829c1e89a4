"""The combiner: hands tasks to clients, folds their updates, and reports to controllers.

    machine/    pure: values, and decisions on them; no I/O, no clock, no threads
    ports.py    the calls that a protocol may make; shielded.py helps on both sides of them
    engine/     the I/O around the decisions: files, numbers, processes, mailboxes; it implements the ports
    facades/    one folder for each protocol; only there are foreign messages known
    server.py, registration.py, cli.py    the process

Imports go up this list, never down, and a façade imports no module of the engine.
"""
