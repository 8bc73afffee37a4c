"""The databases a bot runs on: embedded ones under SIGNOFF_HOME, or those that the environment names.

`embedded_home.Home` starts them and shares them between processes, `database` migrates and opens pools.
Knows no table.
"""
