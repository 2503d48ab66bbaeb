"""Parts of the study of weight agnostic networks."""
