"""What can be wrong with a model. Every message says what went wrong and what to do about it."""

from ragstone_server.spi.errors import RagstoneError


class ModelError(RagstoneError):
    """Something is wrong with an embedding model."""


class ModelNotFound(ModelError):
    """There is no model in the directory."""


class ModelUnsupported(ModelError):
    """The model is of a kind that cannot be served."""


class ModelDamaged(ModelError):
    """A file of the model is not what its checksum says; pull the model again."""


class ModelSourceInvalid(ModelError):
    """The source of a model is written in a form that is not understood."""


class ModelSourceUnavailable(ModelError):
    """The source of a model cannot be reached."""


class ModelConflict(ModelError):
    """Another model lies in the directory already."""


class ModelFailed(ModelError):
    """The model failed on a text."""
