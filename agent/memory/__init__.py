"""What the model reads: the transcript, its compaction, files, long results, prompts.

`transcript.Transcript` turns steps into the messages of a request; `compaction` shortens them when a turn is over.
Pure, but for files that are read in bounded ways. Never changes what was sent before: requests only grow at their end.
"""
