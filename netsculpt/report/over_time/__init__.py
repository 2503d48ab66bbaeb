"""The networks of a track, as its page shows them and as they stand in its folder."""
