"""What is to be processed and how, without a window."""
