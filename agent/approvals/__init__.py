"""Who must say yes, and to what: policy, grants, hosts, digests.

`policy.judge` gives the verdict on a call, `digest.action_digest` what a yes covers, `grants` when a standing yes holds.
Pure: no clock, network or database. Never decides for people.
"""
