"""Control access: who may log in or use a token, and what they may do.

log_in/         the pages that log in and out
second_factor/  an authenticator app and backup codes
passwords/      hash and change them
tokens/         API tokens with scopes
throttling/     limit guesses
admin/          users, groups and tokens in the admin
security_log/   what was done, by whom
"""
