"""How good the tokens are, and the speech that is made of them."""
