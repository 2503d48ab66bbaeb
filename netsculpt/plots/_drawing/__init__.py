"""What several plots share."""
