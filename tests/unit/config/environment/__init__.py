"""Test how environment variables are read, documented and refused."""
