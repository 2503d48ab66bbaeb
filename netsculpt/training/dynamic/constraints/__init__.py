"""What masks must look like: a fixed number of inputs a unit, n of m, no dead ends."""
