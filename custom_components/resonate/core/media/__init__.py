"""What can be read: files, URLs, streams, tones. Blocking, for the media pool."""
