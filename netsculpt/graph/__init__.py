"""The object: a network as a weighted DAG, and how it is made, stored and handed on."""
