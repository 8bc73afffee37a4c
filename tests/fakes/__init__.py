"""Stand-ins for the ports of the loop, shared by the suites that run workers without Slack and without a model.

They keep what they are told and do what they are asked, at once and without fault. What a suite is about stays with it, as a
subclass: faults and races (`tests.histories.ports`), a model that ponders (`tests.stores`).
"""
