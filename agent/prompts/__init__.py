"""Prompts as deployments: versions that never change, labels that say which of them is live, and what each was tested with.

Enter at `versions.Registry`; `labels` says which version a new session gets.
"""
