"""From points to a clean signal and a body of constant bone lengths."""
