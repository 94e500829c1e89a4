"""Systems that move a model to clients and back, each made of processes, behind one interface.

A system is started for a shape, runs rounds, and tells which of its processes have which role. `comparison.py` runs
several of them in turn. What is in `scripts/` are processes of a system: they run in its environment, and import
nothing of this folder.
"""
