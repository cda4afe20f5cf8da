"""Problems that did not exist before a public moment, and the families that make them."""
