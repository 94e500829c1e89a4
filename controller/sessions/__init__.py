"""Sessions: the options of users (options, admission, first_document), and two rooms.

`machine` decides without I/O. `engine` feeds it, commits its decisions and carries out its orders.
"""
