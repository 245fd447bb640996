"""Context filter `evidence`: newest versions, what may be of use, each thing once."""
