"""The models that `make setup` got."""

from ragstone_server.app.settings import default_models_dir

MODELS = default_models_dir()
