"""The listening page: clips, their tokens and what the tokens give, to be opened in a browser."""
