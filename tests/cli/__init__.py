"""The programs as a person or an engine runs them: real processes on the loopback."""
