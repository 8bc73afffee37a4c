"""The commands that look and report: doctor, report, audit, tools.

`bot.cli` calls them. They change nothing and create nothing.
"""
