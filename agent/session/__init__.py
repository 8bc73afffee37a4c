"""The log of a session and what it comes to.

`steps` are what happened, `state.Session` is what they add up to, `machine.apply` is the one table of what may follow what.
Pure: a step in, a new session out. An illegal step raises and changes nothing.
"""
