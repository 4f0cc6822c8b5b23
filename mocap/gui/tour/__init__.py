"""A tour through the app that keeps a picture of every screen, for guides and for whoever changes a view."""

from mocap.gui.tour.stops import take_tour

__all__ = ["take_tour"]
