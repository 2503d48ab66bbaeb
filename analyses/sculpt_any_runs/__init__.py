"""What sculpt_any.py is made of."""
