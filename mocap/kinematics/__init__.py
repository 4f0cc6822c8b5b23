"""Joint angles and what follows from them."""
