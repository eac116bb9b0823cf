"""How the members of a call find each other: rooms, tokens, signalling. Knows no pictures."""
