"""Who is who across the views."""
