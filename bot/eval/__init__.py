"""`signoff eval`: golden sets played through the real bot in the sandbox, judged, counted and compared.

Enter at `cases` (what a case says), `playing` (one case through the bot), `judging` (what of it is as it should be) and `running`
(a whole set, several times). Like the sandbox it is not in the production wheel.
"""
