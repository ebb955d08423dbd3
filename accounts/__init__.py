"""Control access: tokens, log-in with a second factor, throttles, groups, and the security log."""
