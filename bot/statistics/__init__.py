"""Figures over cases and repeats, and whether two runs differ by more than noise.

A case is an interaction of a golden set, or a session; a repeat is one run of it. Repeats of a case are alike, so they are no
separate evidence: what is said of a run counts its cases (`estimates`), and two runs are compared case by case (`comparison`).
Everything here is pure: no clock, no database, and random draws from a fixed seed.
"""
