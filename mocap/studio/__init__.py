"""Test films with known truth."""
