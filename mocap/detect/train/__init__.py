"""Fine-tuning of a shipped landmark network on a lab's own pictures: pure functions on crops and labels."""
