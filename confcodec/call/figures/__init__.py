"""What a call did: counters, rolling figures, the report."""
