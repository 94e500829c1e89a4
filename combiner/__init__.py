"""The combiner: hands tasks to clients, folds their updates, and reports to controllers.

    machine/    pure: values, and decisions on them; no I/O, no clock, no threads
    engine/     the I/O around the decisions: files, numbers, processes, mailboxes
    ports.py    the calls between the engine and the protocols that it is reached by
    facades/    one folder for each protocol; only there are foreign messages known
    server.py, registration.py, cli.py    the process

Imports go up this list, never down: a façade imports the engine, the engine imports the machine.
"""
