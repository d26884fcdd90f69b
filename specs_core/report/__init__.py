"""Reports of scored captions: one HTML page a caption that needs nothing else, its JSON, and an index."""
