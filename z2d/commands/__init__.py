"""The commands of the daemon that are more than a call: their flags, and how they say what they did."""
