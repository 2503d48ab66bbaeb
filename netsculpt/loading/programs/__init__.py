"""Files that hold a net become its graph."""
