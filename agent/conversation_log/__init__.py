"""The conversation log: what was said and done, a JSON object a message, with personal data masked, beside the log of steps.

Enter at `messages` (pure: which messages a step makes), at `writing` (a chore that writes them from the steps, never in the way
of an answer) and at `reading` (what `signoff log` asks for). The steps are the truth; all of this can be made from them again.
"""
