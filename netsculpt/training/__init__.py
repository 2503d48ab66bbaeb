"""Training: tasks, nets, masks, pruners, sculpting."""
