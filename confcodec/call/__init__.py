"""One live call: peer, sender, receiver, codec threads, sound."""
