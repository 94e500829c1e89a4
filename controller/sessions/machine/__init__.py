"""The pure half of a session: events and the time go in, decisions come out.

    kernel       begins rounds, retries, pauses, adds rounds, ends
    steps/       the parts of a round: each starts, absorbs events, and says when it is done
    attempts     the attempts at a round
    plans        the steps of each kind of session
    state        the values of a session's document
    events       the events that a session hears
    orders       the decisions that come out
    documents    the documents that a session leaves behind
    progress     the progress of a session, as people see it
    network, phases, choice    helpers of the steps

No module here does I/O, reads a clock or starts a thread.
"""
