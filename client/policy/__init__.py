"""The site's policy: the packages and settings that this client runs.

`subjects` are the packages and settings that need an approval. `rules` decides, `approvals` keeps the decisions of the
site's owner, and `waiting` what waits for one. `gate` stands before each task of an agent; `bell` tells it of a new
decision. `review` shows the owner a package.
"""
