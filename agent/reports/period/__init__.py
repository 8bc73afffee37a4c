"""What happened since a day: spending, runs, tools, approvals and prompts, in figures.

Enter at `read.period`. The rows come from the tables that the bot itself needs, one statement each, so all of this works where no
conversation log is kept. What is made of the rows is pure. No row holds what people, the model or tools said.
"""
