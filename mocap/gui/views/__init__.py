"""Widgets: they show what presenters know and hand on what the user does."""
