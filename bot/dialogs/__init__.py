"""The modals: reject, edit, always allow, show all, the reason of a rating, what is wrong with an answer.

`dialogs.Dialogs` opens them and reads what was submitted; `form` and `inputs` turn a JSON schema into inputs and back.
A dialog never decides: what it gives goes into the inbox like a click.
"""
