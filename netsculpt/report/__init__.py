"""What an analysis looks like: in the terminal, in a folder, as JSON, as figures."""
