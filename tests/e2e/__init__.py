"""A real compose cluster on a real engine: from the Debian base image to `down`."""
