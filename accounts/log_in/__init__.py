"""Log in with a password, and then with a code where a second factor is set up; log out."""
