"""The view of the room in 3D: what is in it, and two ways to draw it."""
