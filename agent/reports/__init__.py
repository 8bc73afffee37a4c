"""Read-only questions to the database: audit, approvals, spending, the Home tab.

Each file is one report: its SQL and what it comes to. Changes nothing, and nothing of a running session depends on it.
"""
