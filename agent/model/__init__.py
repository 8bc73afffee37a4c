"""The model's API: how it is asked, what it costs, how long we wait for it.

`port` is what the loop asks for, `anthropic` answers it; `spending` prices calls, `limits` holds every wait and number of tries.
Knows no session and no tool's code. Never spends: budgets are reserved by `agent.run.model_calls` through a port.
"""
