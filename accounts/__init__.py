"""Who may come in: tokens, log-in with a second factor, throttles, groups, and the log of all that."""
