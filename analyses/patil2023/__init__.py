"""Parts of the analysis of the networks published with Neural Sculpting."""
