"""Parquet in and out, through pyarrow: files, and directories of ``name=value`` partitions. Rows are read and written as
streams, in bounded memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, List, Optional, Sequence, Union

from . import _arrow
from ._errors import ArgumentError

if TYPE_CHECKING:
    from .result import Result

Path = Union[str, "os.PathLike[str]"]

#: Rows that are decoded together, and that a partition waits for until they are written together.
BATCH_ROWS, GROUP_ROWS, LEAST_GROUP_ROWS = 65536, 1 << 20, 8192


def _dataset() -> Any:
    _arrow._pyarrow()
    import pyarrow.dataset

    return pyarrow.dataset


class ParquetRows:
    """The rows of Parquet files, for any call that takes data. Each read is from the first row on."""

    def __init__(self, dataset: Any, columns: List[str]) -> None:
        self._dataset = dataset
        self.columns = columns

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """A capsule of a fresh stream."""
        scanner = self._dataset.scanner(
            columns=self.columns, batch_size=BATCH_ROWS, batch_readahead=2, fragment_readahead=1, use_threads=True
        )
        return scanner.to_reader().__arrow_c_stream__()


def read_parquet(
    source: Union[Path, Sequence[Path]], columns: Optional[Sequence[str]] = None, partitions: bool = False
) -> ParquetRows:
    """The rows of a Parquet file, of a list of files, or of the files below a directory.

    Directories called ``name=value`` are columns ``name`` if ``partitions`` is set; else they are only a way to keep the
    files, as where the day of an event time, which is a column too, names them. ``columns`` chooses and orders. The schema
    is that of the first file; others may order columns differently or lack some, which then are NULL.
    """
    ds = _dataset()
    files: Any = [os.fspath(path) for path in source] if isinstance(source, (list, tuple)) else os.fspath(source)
    dataset = ds.dataset(files, format="parquet", partitioning="hive")
    named = [] if columns is None else list(columns)
    if columns is None:
        plain = ds.dataset(files, format="parquet")
        own = [field.name for field in plain.schema]
        named = own + [field.name for field in dataset.schema if partitions and field.name not in own]
    missing = [name for name in named if name not in dataset.schema.names]
    if missing:
        raise ArgumentError(f"the files have no column {missing[0]!r}; they have {', '.join(dataset.schema.names)}")
    return ParquetRows(dataset, named)


def _with_day(reader: Any, time: str, name: str) -> Any:
    """The stream of a reader with one more column: the day of a column of times as text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def batches() -> Any:
        for batch in reader:
            days = batch.column(reader.schema.get_field_index(time)).cast(pa.date32()).cast(pa.string())
            yield pa.record_batch([*batch.columns, pc.fill_null(days, "__HIVE_DEFAULT_PARTITION__")], schema=schema)

    schema = reader.schema.append(pa.field(name, pa.string()))
    return pa.RecordBatchReader.from_batches(schema, batches())


def write_parquet(rows: "Result", path: Path, partition_by: Optional[str], name: str, compression: str) -> None:
    """See ``Snapshot.to_parquet``."""
    ds = _dataset()
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = os.fspath(path)
    reader = pa.RecordBatchReader.from_stream(rows)
    if partition_by is None:
        part = target + ".part"
        try:
            with pq.ParquetWriter(part, reader.schema, compression=compression) as writer:
                for batch in reader:
                    writer.write_batch(batch)
            os.replace(part, target)
        except BaseException:
            if os.path.exists(part):
                os.remove(part)
            raise
        return
    if partition_by not in reader.schema.names:
        raise ArgumentError(f"partition_by={partition_by!r}: no column of the rows; they have {', '.join(reader.schema.names)}")
    kind = reader.schema.field(partition_by).type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise ArgumentError(f"partition_by={partition_by!r}: a TIMESTAMP or a DATE column, whose day names a directory")
    if name in reader.schema.names:
        raise ArgumentError(f"partition_name={name!r}: a column has this name")
    ds.write_dataset(
        _with_day(reader, partition_by, name),
        target,
        format="parquet",
        partitioning=ds.partitioning(pa.schema([(name, pa.string())]), flavor="hive"),
        file_options=ds.ParquetFileFormat().make_write_options(compression=compression),
        max_open_files=512,
        max_rows_per_group=GROUP_ROWS,
        min_rows_per_group=LEAST_GROUP_ROWS,
        existing_data_behavior="error",
    )
