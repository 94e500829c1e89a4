"""Faults in a real network of processes: each at a known moment of a round, and its cost.

site.py         a client's process; before it works it asks the conductor
conductor.py    holds clients at a moment and lets them go
network.py      the processes: started on fixed ports and folders, killed, stopped, started again
story.py        one fault at one moment: what became of the session, and what was lost
"""
