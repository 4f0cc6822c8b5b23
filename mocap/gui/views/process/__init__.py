"""The dialog that asks what is to be processed and how."""
