"""Sessions: the engine, and its rooms.

What a user may ask (options, admission); what happens next, decided without I/O (machine and the other kinds); who runs
(running, actor); what goes to combiners (orders, links) and what comes from them (news, intake).
"""
