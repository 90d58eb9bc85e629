"""libfeat: an embedded feature store.

    import libfeat

    store = libfeat.open("shop.feat")
    store.define(open("features.sql").read())
    store.append("purchases", frame)
    train = store.training_set("churn", spine, timestamp="asof")
    store.deploy("churn")
    reader = store.reader("churn", fingerprint=train.fingerprint)
    reader.get(user_id=17850)

A training set and a reader give the same bits for the same entity, time and version.
"""

from ._capi import lib as _lib
from ._capi import path as library_path
from ._errors import (
    ArgumentError,
    BusyError,
    CancelledError,
    ConflictError,
    ConstraintError,
    CorruptionError,
    DataError,
    DefinitionError,
    EnvironmentFault,
    Error,
    ExistsError,
    ForkedError,
    FormatError,
    InternalError,
    LimitError,
    NotFoundError,
    OutOfMemory,
    ReadOnlyError,
    SchemaError,
    StorageError,
    UnsupportedError,
)
from ._loader import VERSION
from ._types import Interval
from .parquet import ParquetRows, read_parquet
from .pushing import Pushed
from .reader import STATUS, Position, Reader, Vector, Vectors
from .result import Result, TrainingSet
from .snapshot import Snapshot
from .store import Derived, Materialized, Store, open
from .versions import Finding, Vacuumed, Verified, import_store
from .writing import Commit, Transaction

__version__ = VERSION


def library_version() -> str:
    """Version of the loaded shared library."""
    return str(_lib.feat_version().decode("ascii"))


__all__ = [
    "STATUS",
    "ArgumentError",
    "BusyError",
    "CancelledError",
    "Commit",
    "ConflictError",
    "ConstraintError",
    "CorruptionError",
    "DataError",
    "DefinitionError",
    "Derived",
    "EnvironmentFault",
    "Error",
    "ExistsError",
    "Finding",
    "ForkedError",
    "FormatError",
    "InternalError",
    "Interval",
    "LimitError",
    "Materialized",
    "NotFoundError",
    "OutOfMemory",
    "ParquetRows",
    "Position",
    "Pushed",
    "ReadOnlyError",
    "Reader",
    "Result",
    "SchemaError",
    "Snapshot",
    "StorageError",
    "UnsupportedError",
    "Store",
    "TrainingSet",
    "Transaction",
    "Vacuumed",
    "Vector",
    "Vectors",
    "Verified",
    "import_store",
    "library_path",
    "library_version",
    "open",
    "read_parquet",
]
