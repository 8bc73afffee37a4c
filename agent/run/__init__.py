"""The loop, its effects, and the workers that drive sessions.

`worker.Worker` claims sessions, `loop.Drive` drives one until nothing is left: `gate` has what the database
and the budget decide, `effects.Effects` makes moves in the world.
A thin shell: what to do comes from `agent.decide`, whether it may be done from `agent.store`.
"""
