"""What detectors of functions share."""
