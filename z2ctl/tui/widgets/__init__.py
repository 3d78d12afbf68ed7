"""The dashboard's own widgets: each draws line by line, from plain data, and says what happened by messages."""
