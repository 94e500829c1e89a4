"""The coordinator's state machine: pure, with events and the time as arguments.

    IDLE → SUM → UPDATE → SUM2 → UNMASK → IDLE …
             └──────┴──────┴───────┴────→ FAILURE → IDLE

Each message, key, model or passing of time is an event. `RoundMachine.decide` returns the consequences and changes
nothing; when they are stored, `RoundMachine.apply` makes them true. After a restart, what was stored gives the same
machine.
"""
