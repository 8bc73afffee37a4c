"""What people say of answers, told on with personal data masked: candidate cases for the golden sets, and evaluation events.

Enter at `filing` (a chore that files and tells what people said, never in the way of a click), at `reading` (what was said and
done up to an answer, from the steps, when a case is read, so that no copy of it lies about) and at `candidate` (what that looks
like; pure).
"""
