"""The documentation's pages, and the code and commands in them."""
