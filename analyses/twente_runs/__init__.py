"""Parts of the study of weight importance: design, nets, measures, tables."""
