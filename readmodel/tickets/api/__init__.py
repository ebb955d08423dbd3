"""The search over REST."""
