"""The Home tab: what waits, what was decided, what is allowed, what was spent.

`home_tab.HomeTab` gathers and publishes, `home_view` draws, `budgets` lets admins raise a budget.
"""
