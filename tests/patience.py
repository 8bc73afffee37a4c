"""How long a test waits for what must come. Nothing is measured against it: a busy machine is slow, and slow is not wrong."""

PATIENCE_SECONDS = 150.0
