"""API tokens: a secret text, by which a program acts as its user within scopes."""
