"""What comes next. Pure: a session and its inbox in, moves out.

Enter at `next_moves.next_moves`; `moves` has every move there is, and `ways` how each is made; `for_calls`, `for_approved`,
`for_lost_runs`, `for_cards`, `for_inbox`, `for_clicks` and `for_stream` have a part each. What the loop has found out comes in as
`facts.Facts`. No clock, network or database: everything that is decided is decided here, and can be replayed.
"""
