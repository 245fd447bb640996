"""Types of the fixtures."""

import subprocess
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

OpenCatalog: TypeAlias = Callable[..., AbstractAsyncContextManager[Any]]
StartChild: TypeAlias = Callable[..., "subprocess.Popen[str]"]
