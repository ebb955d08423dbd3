"""The second factor: an authenticator app and backup codes; set up, asked for at the log-in, turned off."""
