"""What can be cut in any net that can be traced: units with all that belongs to them, and edges."""
