"""An audit or a study becomes a document of blocks, and that a page or Markdown."""
