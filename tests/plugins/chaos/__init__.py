"""Faults in a real network of processes: each at a known moment of a round, and its cost.

site.py         a client's process; before it works it asks the conductor
conductor.py    holds clients at a moment and lets them go
network.py      the processes: started on fixed ports and folders, killed, stopped, started again
stages.py       the networks that rows need: with two controllers, with servers as stores
faults.py       what is done to a process, a link, a disk or a store, and how it ends
moments.py      the moments of a round at which faults fall
rows.py         the table: who, which fault, when, and what it may cost
story.py        one fault at one moment: what became of the session, and what was lost
report.py       the table of outcomes
"""
