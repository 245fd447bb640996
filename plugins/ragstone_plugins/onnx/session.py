"""Sessions of onnxruntime, set up for a server that owns the threads."""

from pathlib import Path
from typing import Any

import numpy as np

from ragstone_plugins.onnx.errors import ModelDamaged, ModelUnsupported

_INTEGERS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}


def opened(graph: Path | bytes) -> Any:
    """A session over a graph, from its file or as it is in memory; several threads may share it.

    Raises:
        ModelDamaged: it cannot be loaded.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # The host's lanes are the parallelism: a second layer of threads under them would fight for the same cores,
    # and threads that spin while they wait would take the cores from FAISS and Tantivy.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Every text has another length, so a plan of the memory made for one fits no other.
    options.enable_mem_pattern = False
    # Errors are raised; the library would write them to stderr as well.
    options.log_severity_level = 4
    model = graph if isinstance(graph, bytes) else str(graph)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library's errors share no root of their own
        where = "The graph" if isinstance(graph, bytes) else graph
        raise ModelDamaged(f"{where} cannot be loaded by onnxruntime ({error}); get the model again.") from error


def integers_of(session: Any, needed: str, *others: str) -> dict[str, Any]:
    """Integer type of each input by its name. Raises `ModelUnsupported` for inputs that are not known."""
    types = {put.name: _INTEGERS.get(put.type) for put in session.get_inputs()}
    if needed not in types or types.keys() - {needed, *others} or None in types.values():
        raise ModelUnsupported(
            f"The graph takes {', '.join(types) or 'nothing'}; served are graphs that take {needed}, and nothing "
            f"beside it but {' and '.join(others)}, as integers."
        )
    return types
