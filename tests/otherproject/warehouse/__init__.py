"""Crates that are moved from shelf to shelf."""
