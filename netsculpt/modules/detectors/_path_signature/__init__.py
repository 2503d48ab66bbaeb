"""The steps of `path_signature`."""
