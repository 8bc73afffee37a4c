"""Shadow runs: a prompt's version answers turns of real conversations once more, hidden, to be compared with what people saw.

Enter at `running.Shadows`. A hidden run lives in memory: of what it does only figures are kept (`agent.store.shadow_runs`). It
calls the model and nothing else: no tool is entered, nobody is asked or told, and nothing is learnt.
"""
