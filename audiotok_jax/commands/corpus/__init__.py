"""`audiotok corpus`: makes, checks and reads corpora of tokens, an action in each module."""
