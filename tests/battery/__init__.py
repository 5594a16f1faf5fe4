"""The battery: every loss on the inputs that break losses, against the exact answers."""
