"""Nets, masks, pruners and sculpting: not built yet."""
