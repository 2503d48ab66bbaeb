"""Parts of the study of sparse training: cells, trainings, measures, tables."""
