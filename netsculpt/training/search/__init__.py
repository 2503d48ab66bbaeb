"""Search for the topology of a network: weight agnostic networks."""
