"""The language of a question."""

import py3langid


def language_of(text: str) -> str:
    """Its code of ISO 639-1, as `en`; a guess for texts of a few words."""
    return str(py3langid.classify(text)[0])
