"""The report as a page: one HTML file that asks nothing of any other place, with charts by plotly.

Figures in (`agent.reports.period`), text out; nothing is read but the page's own files. `sections` says what is shown, `charts`
draws, `page` puts it all into HTML. The tables say everything; the charts, which need JavaScript, show it at a glance.
"""
