"""The grounding check `overlap`: shared words and alike vectors, sentence by sentence."""
