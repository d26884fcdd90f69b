"""One file a page; each has ``build``, which lays the page out and wires its events."""
