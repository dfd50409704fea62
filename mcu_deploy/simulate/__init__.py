"""Running a built project on a simulator, and reading what it recorded."""
