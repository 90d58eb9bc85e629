"""The C interface, one to one: constants, structs, and every function with its types.

Nothing here adds meaning: ``include/feat/*.h`` documents it, and a test compares both.
"""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    Union,
    c_bool,
    c_char,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any, Dict, List, Tuple

from . import _errors, _loader

# ---- enums -------------------------------------------------------------------------------------------------------

MODE_CREATE, MODE_WRITE, MODE_READ = 0, 1, 2
WRITE_APPEND, WRITE_UPSERT, WRITE_DELETE, WRITE_END, WRITE_OVERWRITE, WRITE_MERGE = 0, 1, 2, 3, 4, 5
MATCHED_UPDATE, MATCHED_IGNORE, MATCHED_DELETE, MATCHED_ERROR = 0, 1, 2, 3
NOT_MATCHED_INSERT, NOT_MATCHED_IGNORE, NOT_MATCHED_ERROR = 0, 1, 2
CONFLICT_SKIP_IDENTICAL, CONFLICT_ERROR, CONFLICT_IGNORE, CONFLICT_REPLACE = 0, 1, 2, 3
AT_NEWEST, AT_VERSION, AT_TIME, AT_TAG, AT_BRANCH = 0, 1, 2, 3, 4
ON_ERROR_FAIL, ON_ERROR_NULL = 0, 1
DERIVE_FAIL, DERIVE_SKIP = 0, 1
TYPE_BOOLEAN, TYPE_BIGINT, TYPE_DOUBLE, TYPE_TEXT, TYPE_DATE, TYPE_TIMESTAMP = 1, 2, 3, 4, 5, 6
TYPE_TINYINT, TYPE_SMALLINT, TYPE_INTEGER, TYPE_UTINYINT, TYPE_USMALLINT, TYPE_UINTEGER, TYPE_UBIGINT = 7, 8, 9, 10, 11, 12, 13
TYPE_REAL, TYPE_DECIMAL, TYPE_BLOB, TYPE_INTERVAL, TYPE_VECTOR, TYPE_LIST, TYPE_MAP = 14, 15, 16, 17, 18, 19, 20
VALUE_PRESENT, VALUE_NULL, VALUE_NOT_FOUND, VALUE_EXPIRED, VALUE_ERROR = 0, 1, 2, 3, 4
DIGEST_SIZE = 33
ERROR_MESSAGE_SIZE = 1024

# ---- Arrow -------------------------------------------------------------------------------------------------------


class ArrowSchema(Structure):
    pass


class ArrowArray(Structure):
    pass


class ArrowArrayStream(Structure):
    pass


ArrowSchema._fields_ = [
    ("format", c_char_p),
    ("name", c_char_p),
    ("metadata", c_void_p),
    ("flags", c_int64),
    ("n_children", c_int64),
    ("children", POINTER(POINTER(ArrowSchema))),
    ("dictionary", POINTER(ArrowSchema)),
    ("release", CFUNCTYPE(None, POINTER(ArrowSchema))),
    ("private_data", c_void_p),
]
ArrowArray._fields_ = [
    ("length", c_int64),
    ("null_count", c_int64),
    ("offset", c_int64),
    ("n_buffers", c_int64),
    ("n_children", c_int64),
    ("buffers", POINTER(c_void_p)),
    ("children", POINTER(POINTER(ArrowArray))),
    ("dictionary", POINTER(ArrowArray)),
    ("release", CFUNCTYPE(None, POINTER(ArrowArray))),
    ("private_data", c_void_p),
]
ArrowArrayStream._fields_ = [
    ("get_schema", CFUNCTYPE(c_int, POINTER(ArrowArrayStream), POINTER(ArrowSchema))),
    ("get_next", CFUNCTYPE(c_int, POINTER(ArrowArrayStream), POINTER(ArrowArray))),
    ("get_last_error", CFUNCTYPE(c_char_p, POINTER(ArrowArrayStream))),
    ("release", CFUNCTYPE(None, POINTER(ArrowArrayStream))),
    ("private_data", c_void_p),
]

# ---- structs -----------------------------------------------------------------------------------------------------


class Error(Structure):
    _fields_ = [
        ("code", c_int),
        ("line", c_uint32),
        ("column", c_uint32),
        ("row", c_int64),
        ("message", c_char * ERROR_MESSAGE_SIZE),
    ]


class OpenOptions(Structure):
    _fields_ = [("size", c_size_t), ("mode", c_int), ("busy_timeout_ms", c_uint32)]


class WriteOptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("mode", c_int),
        ("on_conflict", c_int),
        ("known_at", c_int64),
        ("expected_version", POINTER(c_uint64)),
        ("application", c_char_p),
        ("sequence", c_uint64),
        ("branch", c_char_p),
        ("where", c_char_p),
        ("start", POINTER(c_int64)),
        ("end", POINTER(c_int64)),
        ("matched", c_int),
        ("not_matched", c_int),
        ("merge_schema", c_int),
    ]


class TxnOptions(Structure):
    _fields_ = [("size", c_size_t), ("known_at", c_int64), ("branch", c_char_p)]


class PublishOptions(Structure):
    _fields_ = [("size", c_size_t), ("known_at", c_int64), ("other_tables", c_bool)]


class PushOptions(Structure):
    _fields_ = [("size", c_size_t), ("on_conflict", c_int), ("known_at", c_int64), ("fold_bytes", c_uint64)]


class Commit(Structure):
    _fields_ = [
        ("version", c_uint64),
        ("known_time", c_int64),
        ("rows_read", c_int64),
        ("rows_added", c_int64),
        ("rows_replaced", c_int64),
        ("rows_removed", c_int64),
        ("rows_skipped", c_int64),
        ("online", c_int),
        ("repeated", c_int),
    ]


class At(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("kind", c_int),
        ("version", c_uint64),
        ("time", c_int64),
        ("tag", c_char_p),
        ("branch", c_char_p),
    ]


class ScanOptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("columns", POINTER(c_char_p)),
        ("n_columns", c_size_t),
        ("ended", c_bool),
        ("where", c_char_p),
        ("entities", POINTER(ArrowArrayStream)),
        ("limit", POINTER(c_uint64)),
    ]


class ChangesOptions(Structure):
    _fields_ = [("size", c_size_t), ("net", c_bool)]


class DeriveOptions(Structure):
    _fields_ = [("size", c_size_t), ("on_error", c_int), ("rebuild", c_bool), ("known_at", c_int64)]


class Derived(Structure):
    _fields_ = [
        ("version", c_uint64),
        ("known_time", c_int64),
        ("from_version", c_uint64),
        ("source_version", c_uint64),
        ("definition", c_uint32),
        ("rebuilt", c_int),
        ("rows_read", c_int64),
        ("rows_written", c_int64),
        ("rows_removed", c_int64),
        ("rows_filtered", c_int64),
        ("rows_equal", c_int64),
        ("rows_skipped", c_int64),
        ("online", c_int),
        ("errors", c_char * 1024),
    ]


class VacuumOptions(Structure):
    _fields_ = [("size", c_size_t), ("keep_versions", c_uint64), ("keep_us", c_int64), ("dry_run", c_bool)]


class Vacuumed(Structure):
    _fields_ = [
        ("oldest", c_uint64),
        ("versions", c_uint64),
        ("versions_removed", c_uint64),
        ("objects", c_uint64),
        ("objects_removed", c_uint64),
        ("bytes", c_uint64),
        ("bytes_removed", c_uint64),
    ]


#: Returns other than 0 to stop the work. The object lives only as long as something refers to it: the caller keeps it.
PROGRESS = CFUNCTYPE(c_int, c_void_p, c_uint64, c_uint64)


class BackupOptions(Structure):
    _fields_ = [("size", c_size_t), ("progress", PROGRESS), ("progress_context", c_void_p)]


class ExportOptions(BackupOptions):
    pass


class VerifyOptions(Structure):
    _fields_ = [("size", c_size_t), ("since", c_uint64), ("progress", PROGRESS), ("progress_context", c_void_p)]


class Verified(Structure):
    _fields_ = [(name, c_uint64) for name in ("versions", "tables", "segments", "rows", "findings")]


class TrainingStats(Structure):
    _fields_ = [("size", c_size_t)] + [
        (name, c_uint64)
        for name in (
            "spine_rows", "rows_read", "segments_read", "segments_pruned", "bytes_read", "bytes_spilled", "passes", "threads", "spine_ns",
            "group_ns", "read_ns", "sweep_ns", "output_ns", "elapsed_ns",
        )
    ]


class TrainingOptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("timestamp", c_char_p),
        ("status", c_int),
        ("on_error", c_int),
        ("service_version", c_uint32),
        ("fingerprint", c_char_p),
        ("memory", c_uint64),
        ("progress", PROGRESS),
        ("progress_context", c_void_p),
        ("stats", POINTER(TrainingStats)),
        ("as_served", c_int),
        ("version_column", c_char_p),
        ("sequence_column", c_char_p),
        ("threads", c_uint32),
        ("spill_directory", c_char_p),
    ]


class MaterializeStats(Structure):
    _fields_ = [("size", c_size_t)] + [
        (name, c_uint64)
        for name in (
            "runs", "entities", "lots", "rows_read", "segments_read", "segments_pruned", "bytes_read", "bytes_spilled", "rows_written",
            "threads", "choose_ns", "group_ns", "read_ns", "sweep_ns", "output_ns", "write_ns", "elapsed_ns",
        )
    ]


class MaterializeOptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("times", POINTER(c_int64)),
        ("n_times", c_size_t),
        ("start", c_int64),
        ("end", c_int64),
        ("every", c_int64),
        ("full", c_int),
        ("on_error", c_int),
        ("view_version", c_uint32),
        ("fingerprint", c_char_p),
        ("threads", c_uint32),
        ("entities_at_once", c_size_t),
        ("progress", PROGRESS),
        ("progress_context", c_void_p),
        ("memory", c_uint64),
        ("spill_directory", c_char_p),
        ("stats", POINTER(MaterializeStats)),
    ]


class Materialized(Structure):
    _fields_ = [
        ("runs", c_int64),
        ("runs_full", c_int64),
        ("runs_present", c_int64),
        ("entities", c_int64),
        ("rows", c_int64),
        ("rows_restated", c_int64),
        ("input", c_uint64),
        ("version", c_uint64),
        ("online", c_int),
    ]


class _Text(Structure):
    _fields_ = [("data", c_void_p), ("length", c_size_t)]


class _Wide(Structure):
    _fields_ = [("low", c_uint64), ("high", c_int64)]


class _Interval(Structure):
    _fields_ = [("months", c_int32), ("days", c_int32), ("us", c_int64)]


class _As(Union):
    _fields_ = [("i64", c_int64), ("f64", c_double), ("text", _Text), ("wide", _Wide), ("interval", _Interval)]


class Value(Structure):
    _fields_ = [
        ("as", _As),
        ("type", c_uint8),
        ("is_null", c_uint8),
        ("status", c_uint8),
        ("reserved", c_uint8 * 5),
    ]


class FieldInfo(Structure):
    _fields_ = [("name", c_char_p), ("type", c_uint64)]


class ReaderOptions(Structure):
    _fields_ = [("size", c_size_t), ("fingerprint", c_char_p), ("service_version", c_uint32)]


class Request(Structure):
    _fields_ = [("size", c_size_t), ("n", c_size_t), ("inputs", c_void_p), ("now", c_void_p)]


class Position(Structure):
    _fields_ = [("version", c_uint64), ("sequence", c_uint64)]


class Pushed(Structure):
    _fields_ = [("position", Position), ("rows_added", c_int64), ("rows_skipped", c_int64)]


class PlainColumn(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("type", c_uint64),
        ("present", c_void_p),
        ("values", c_void_p),
        ("offsets", c_void_p),
    ]


#: C name of each struct, for the test that compares sizes and offsets.
STRUCTS: Dict[str, type] = {
    "struct ArrowSchema": ArrowSchema,
    "struct ArrowArray": ArrowArray,
    "struct ArrowArrayStream": ArrowArrayStream,
    "feat_error": Error,
    "feat_open_options": OpenOptions,
    "feat_write_options": WriteOptions,
    "feat_commit": Commit,
    "feat_txn_options": TxnOptions,
    "feat_publish_options": PublishOptions,
    "feat_push_options": PushOptions,
    "feat_pushed": Pushed,
    "feat_at": At,
    "feat_scan_options": ScanOptions,
    "feat_changes_options": ChangesOptions,
    "feat_derive_options": DeriveOptions,
    "feat_derived": Derived,
    "feat_vacuum_options": VacuumOptions,
    "feat_vacuumed": Vacuumed,
    "feat_verify_options": VerifyOptions,
    "feat_verified": Verified,
    "feat_backup_options": BackupOptions,
    "feat_export_options": ExportOptions,
    "feat_training_options": TrainingOptions,
    "feat_training_stats": TrainingStats,
    "feat_materialize_options": MaterializeOptions,
    "feat_materialize_stats": MaterializeStats,
    "feat_materialized": Materialized,
    "feat_value": Value,
    "feat_field_info": FieldInfo,
    "feat_reader_options": ReaderOptions,
    "feat_request": Request,
    "feat_position": Position,
    "feat_plain_column": PlainColumn,
}

# ---- functions ---------------------------------------------------------------------------------------------------

_handle = c_void_p  # an opaque pointer: feat_store *, feat_snapshot *, feat_reader *, feat_batches *
_handle_out = POINTER(c_void_p)
_status = c_int
_err = POINTER(Error)
_stream = POINTER(ArrowArrayStream)

FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {
    # base.h
    "feat_version": (c_char_p, []),
    "feat_status_name": (c_char_p, [c_int]),
    "feat_status_text": (c_char_p, [c_int]),
    "feat_text_free": (None, [c_void_p]),
    # store.h
    "feat_open": (_status, [c_char_p, POINTER(OpenOptions), _handle_out, _err]),
    "feat_close": (None, [_handle]),
    "feat_define": (_status, [_handle, c_char_p, _err]),
    "feat_explain": (_status, [_handle, c_char_p, POINTER(c_void_p), _err]),
    # show.h
    "feat_show": (_status, [_handle, c_char_p, _stream, _err]),
    # write.h
    "feat_write": (_status, [_handle, c_char_p, _stream, POINTER(WriteOptions), POINTER(Commit), _err]),
    # snapshot.h
    "feat_snapshot_open": (_status, [_handle, POINTER(At), _handle_out, _err]),
    "feat_snapshot_close": (None, [_handle]),
    "feat_snapshot_version": (c_uint64, [_handle]),
    "feat_snapshot_position": (None, [_handle, POINTER(Position)]),
    "feat_snapshot_scan": (_status, [_handle, c_char_p, POINTER(ScanOptions), _stream, _err]),
    "feat_snapshot_digest": (_status, [_handle, c_char_p, c_char * DIGEST_SIZE, POINTER(c_int64), _err]),
    "feat_history": (_status, [_handle, c_char_p, _stream, _err]),
    "feat_tag": (_status, [_handle, c_char_p, POINTER(At), _err]),
    "feat_untag": (_status, [_handle, c_char_p, _err]),
    "feat_tags": (_status, [_handle, _stream, _err]),
    # transaction.h
    "feat_txn_begin": (_status, [_handle, POINTER(TxnOptions), _handle_out, _err]),
    "feat_txn_write": (_status, [_handle, c_char_p, _stream, POINTER(WriteOptions), POINTER(Commit), _err]),
    "feat_txn_commit": (_status, [_handle, POINTER(Commit), _err]),
    "feat_txn_abort": (None, [_handle]),
    "feat_branch": (_status, [_handle, c_char_p, POINTER(At), _err]),
    "feat_unbranch": (_status, [_handle, c_char_p, _err]),
    "feat_branches": (_status, [_handle, _stream, _err]),
    "feat_publish": (_status, [_handle, c_char_p, POINTER(PublishOptions), POINTER(Commit), _err]),
    # push.h
    "feat_push": (_status, [_handle, c_char_p, _stream, POINTER(PushOptions), POINTER(Pushed), _err]),
    "feat_flush": (_status, [_handle, POINTER(Position), _err]),
    "feat_fold": (_status, [_handle, POINTER(Commit), _err]),
    # changes.h
    "feat_changes": (_status, [_handle, c_char_p, POINTER(At), POINTER(At), POINTER(ChangesOptions), _stream, _err]),
    "feat_diff": (_status, [_handle, POINTER(At), POINTER(At), _stream, _err]),
    "feat_clone": (_status, [_handle, c_char_p, POINTER(At), c_char_p, c_int64, POINTER(Commit), _err]),
    "feat_restore": (_status, [_handle, c_char_p, POINTER(At), c_int64, POINTER(Commit), _err]),
    # derive.h
    "feat_derive": (_status, [_handle, c_char_p, POINTER(DeriveOptions), POINTER(Derived), _err]),
    "feat_derivations": (_status, [_handle, c_char_p, _stream, _err]),
    # retention.h
    "feat_pin": (_status, [_handle, POINTER(At), c_int64, c_char_p, POINTER(c_uint64), _err]),
    "feat_unpin": (_status, [_handle, c_uint64, _err]),
    "feat_pins": (_status, [_handle, _stream, _err]),
    "feat_compact": (_status, [_handle, c_char_p, POINTER(Commit), _err]),
    "feat_vacuum": (_status, [_handle, POINTER(VacuumOptions), POINTER(Vacuumed), _err]),
    # verify.h
    "feat_verify": (_status, [_handle, POINTER(VerifyOptions), _stream, POINTER(Verified), _err]),
    # backup.h
    "feat_backup": (_status, [_handle, c_char_p, POINTER(BackupOptions), _err]),
    # export.h
    "feat_export": (_status, [_handle, POINTER(At), c_char_p, POINTER(ExportOptions), _err]),
    "feat_import": (_status, [c_char_p, c_char_p, _err]),
    # training.h
    "feat_training_explain": (_status, [POINTER(TrainingStats), POINTER(c_void_p), _err]),
    "feat_training_set": (_status, [_handle, c_char_p, _stream, POINTER(TrainingOptions), _stream, _err]),
    # materialize.h
    "feat_materialize": (_status, [_handle, c_char_p, POINTER(MaterializeOptions), POINTER(Materialized), _err]),
    "feat_materialize_explain": (_status, [POINTER(MaterializeStats), POINTER(c_void_p), _err]),
    "feat_layer": (_status, [_handle, c_char_p, POINTER(MaterializeOptions), POINTER(c_void_p), _err]),
    # online.h
    "feat_type_name": (c_char_p, [c_uint64]),
    "feat_deploy": (_status, [_handle, c_char_p, _err]),
    "feat_undeploy": (_status, [_handle, c_char_p, _err]),
    "feat_reader_open": (_status, [_handle, c_char_p, POINTER(ReaderOptions), _handle_out, _err]),
    "feat_reader_close": (None, [_handle]),
    "feat_reader_inputs": (c_size_t, [_handle, POINTER(POINTER(FieldInfo))]),
    "feat_reader_features": (c_size_t, [_handle, POINTER(POINTER(FieldInfo))]),
    "feat_reader_fingerprint": (c_char_p, [_handle]),
    "feat_reader_get": (_status, [_handle, POINTER(Request), c_void_p, POINTER(Position), _err]),
    # python.h
    "feat_stream_new": (_stream, []),
    "feat_stream_free": (None, [_stream]),
    "feat_pycapsule_stream_destroy": (None, [c_void_p]),
    "feat_batches_collect": (_status, [_stream, _handle_out, _err]),
    "feat_batches_stream": (_status, [_handle, _stream, _err]),
    "feat_batches_rows": (c_int64, [_handle]),
    "feat_batches_free": (None, [_handle]),
    "feat_stream_of_array": (_status, [POINTER(ArrowSchema), POINTER(ArrowArray), _stream, _err]),
    "feat_stream_of_rows": (_status, [POINTER(PlainColumn), c_size_t, c_size_t, _stream, _err]),
}

lib, path = _loader.load()

for _name, (_restype, _argtypes) in FUNCTIONS.items():
    try:
        _function = getattr(lib, _name)
    except AttributeError:
        raise ImportError(f"{path} has no function {_name}: it is not the library that this package was made for") from None
    _function.restype = _restype
    _function.argtypes = _argtypes


def failure(err: Error) -> _errors.Error:
    """The exception for a filled feat_error."""
    return _errors.make(
        err.code,
        err.message.decode("utf-8", "replace"),
        err.line or None,
        err.column or None,
        err.row if err.row >= 0 else None,
    )


def check(status: int, err: Error) -> None:
    """Raises unless the status is FEAT_OK."""
    if status != 0:
        if err.code != status:  # the call left no message
            raise _errors.make(status, lib.feat_status_text(status).decode())
        raise failure(err)
