"""What Observer tells people at length."""
