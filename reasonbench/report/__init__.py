"""An Audit becomes sections, sections become blocks, blocks become Markdown."""
