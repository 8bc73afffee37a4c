"""Postgres and Redis: the fenced store, the queue, budgets, chores.

`sessions.Store` writes steps under the holder's epoch, `queue.Queue` claims what is due, `redis_budgets` reserves and settles.
Each statement is one transaction. Never decides what comes next.
"""
