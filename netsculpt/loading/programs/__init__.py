"""Turn files that contain a whole net into its graph."""
