"""Passwords: hash them, a few at once, and change them, which ends the user's tokens and other sessions."""
