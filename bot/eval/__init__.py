"""What an eval comes to: figures over cases and repeats, and whether two runs differ by more than noise.

A case is an interaction of a golden set, a repeat one run of it. Repeats of a case are alike, so they are no evidence of their
own: whatever is said of a run counts its cases (`bot/eval/statistics.py`), and two runs are compared case by case
(`bot/eval/comparison.py`). Everything here is pure: no clock, no database, and random draws from a fixed seed.
"""
