"""How everything looks in Slack: cards, answers, notices. Pure: values in, Block Kit out.

`cards.card_blocks` draws actions, `row` one of them, `messages` everything else.
`harmless_text` makes strangers' text safe to show.
Never asks Slack, the database or the model.
"""
