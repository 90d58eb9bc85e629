"""A second reader of stores, made from doc/format.md alone and without the library: plain and slow, so that it can be checked against
the document line by line. What the two disagree in is a fault of the library, of the document or of this file."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import lmdb
import msgpack
import xxhash
import zstandard

BASES = ["", "BOOLEAN", "BIGINT", "DOUBLE", "TEXT", "DATE", "TIMESTAMP", "TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT",
         "UINTEGER", "UBIGINT", "REAL", "DECIMAL", "BLOB", "INTERVAL", "VECTOR", "LIST", "MAP"]  # fmt: skip
SIZES = {"BOOLEAN": 1, "BIGINT": 8, "DATE": 4, "TIMESTAMP": 8, "TINYINT": 1, "SMALLINT": 2, "INTEGER": 4, "UTINYINT": 1, "USMALLINT": 2, "UINTEGER": 4, "UBIGINT": 8}
INTEGERS = set(SIZES)
DOUBLES = {"DOUBLE", "REAL"}
ZEROS = bytes(16)
M64, M128 = 2**64 - 1, 2**128 - 1
#: Class of a value in the digest of its row.
CLASS_INTEGER, CLASS_DOUBLE, CLASS_BYTES, CLASS_NUMBER, CLASS_INTERVAL = 1, 2, 3, 4, 5


def digest(data: bytes) -> bytes:
    return bytes(xxhash.xxh3_128(data).digest())


def hash64(data: bytes) -> int:
    return int(xxhash.xxh3_64(data).intdigest())


def check(truth: bool, what: str) -> None:
    if not truth:
        raise ValueError(what)


class Bytes:
    """A place in bytes. Numbers are little-endian but for those of `be`."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, n: int) -> bytes:
        check(0 <= n <= len(self.data) - self.at, "bytes end too early")
        self.at += n
        return self.data[self.at - n : self.at]

    def _int(self, n: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(n), "little", signed=signed)

    def u8(self) -> int:
        return self._int(1)

    def u16(self) -> int:
        return self._int(2)

    def u32(self) -> int:
        return self._int(4)

    def i32(self) -> int:
        return self._int(4, True)

    def u64(self) -> int:
        return self._int(8)

    def i64(self) -> int:
        return self._int(8, True)

    def be(self, n: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(n), "big", signed=signed)

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)

    def end(self) -> None:
        check(self.at == len(self.data), "bytes are left")


def wrap(value: int) -> int:
    """Modulo 2^64, as an i64."""
    value &= M64
    return value - 2**64 if value >> 63 else value


def double(bits: int) -> float:
    return float(struct.unpack("<d", (bits & M64).to_bytes(8, "little"))[0])


# ---- pages -------------------------------------------------------------------------------------------------------


def packed(b: Bytes, n: int) -> List[int]:
    base = b.i64()
    factor = b.u64() if b.u8() else 1
    out: List[int] = []
    while len(out) < n:
        out += group(b, min(1024, n - len(out)))
    return [wrap(base + factor * v) for v in out]


def group(b: Bytes, n: int) -> List[int]:
    width, patches = b.u8(), b.u8()
    check(width <= 64, "a group is wider than a word")
    if n < 1024:
        bits = int.from_bytes(b.take((n * width + 7) // 8), "little")
        numbers = [bits >> (i * width) & ((1 << width) - 1) for i in range(n)]
    else:
        words = struct.unpack(f"<{16 * width}Q", b.take(128 * width))
        columns = [sum(words[row * 16 + i] << (64 * row) for row in range(width)) for i in range(16)]
        numbers = [columns[j % 16] >> (j // 16 * width) & ((1 << width) - 1) for j in range(n)]
    if patches:
        size = b.u8()
        check(1 <= size <= 8 and width <= 63, "a patch")
        places = [b.u16() for _ in range(patches)]
        for place in places:
            numbers[place] += int.from_bytes(b.take(size), "little") << width
    return numbers


def raw_integers(b: Bytes, n: int, base: str) -> List[int]:
    size = SIZES[base]
    return [wrap(int.from_bytes(b.take(size), "little", signed=not base.startswith("U") and base != "BOOLEAN")) for _ in range(n)]


def texts(b: Bytes, n: int) -> List[bytes]:
    return [b.take(length) for length in packed(b, n)]


def values(b: Bytes, n: int, encoding: int, base: str) -> List[Any]:
    """Integers as i64, doubles as floats, all else as bytes."""
    integers = base in INTEGERS
    if encoding == 0:
        if integers:
            return raw_integers(b, n, base)
        return [double(b.u64()) for _ in range(n)] if base in DOUBLES else texts(b, n)
    if encoding == 1:
        one: Any = b.i64() if integers else double(b.u64()) if base in DOUBLES else b.rest()
        return [one] * n
    if encoding == 2:
        numbers = packed(b, n)
        return numbers if integers else [double(v) for v in numbers]
    if encoding == 3:
        before = b.i64()
        out = []
        for difference in packed(b, n):
            before = wrap(before + difference)
            out.append(before)
        return out if integers else [double(v) for v in out]
    if encoding == 4:
        k = b.u8()
        result = [m / 10**k if base == "DOUBLE" else real(m / 10**k) for m in map(float, packed(b, n))]
        exceptions = b.u16()
        for _ in range(exceptions):
            row = b.u16()
            result[row] = double(b.u64())
        return result
    if encoding == 5:
        entries = b.u32()
        table = values(b, entries, b.u8(), base) if integers or base in DOUBLES else texts(b, entries)
        return [table[i] for i in packed(b, n)]
    if encoding == 6:
        runs = b.u32()
        of = values(b, runs, b.u8(), base)
        return [v for v, length in zip(of, packed(b, runs)) for _ in range(length)]
    check(encoding == 7 and base == "DECIMAL", f"encoding {encoding} of {base}")
    return [v.to_bytes(16, "little", signed=True) for v in values(b, n, b.u8(), "BIGINT")]


def real(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


@dataclass
class Block:
    base: str
    form: int
    rows: int
    nulls: int
    pages: List[List[Any]]
    codes: List[List[int]] = field(default_factory=list)
    bounds: Optional[Tuple[Any, Any]] = None

    @property
    def all(self) -> List[Any]:
        return [v for page in self.pages for v in page]


# ---- stores ------------------------------------------------------------------------------------------------------


@dataclass
class Segment:
    id: int
    version: int
    rows: int
    deleted: List[int]
    flags: int
    partition: int
    blocks: Dict[int, bytes]


@dataclass
class Manifest:
    rows: int = 0
    content: int = 0
    next_segment: int = 1
    segments: List[Segment] = field(default_factory=list)
    runs: List[Tuple[bytes, int]] = field(default_factory=list)


@dataclass
class Commit:
    version: int
    parent: int
    known_time: int
    source: int
    branch: int
    tables: Dict[int, Dict[str, Any]]


class Store:
    def __init__(self, path: Path) -> None:
        self._catalog, self._blocks = (lmdb.open(str(path / name), subdir=False, readonly=True, lock=False) for name in ("catalog.mdb", "blocks.mdb"))
        with self._catalog.begin() as txn:
            self.records = {bytes(k): bytes(v) for k, v in txn.cursor()}
        self._read = self._blocks.begin()
        form = Bytes(self.payload(b"F", "FORM"))
        check(form.take(8) == b"libfeat\0", "it is no store")
        self.format = form.u32()
        self.commits = self._commits()
        self.schemas = self._schemas()

    def close(self) -> None:
        self._read.abort()
        self._catalog.close()
        self._blocks.close()

    @staticmethod
    def open_envelope(key: bytes, value: bytes, kind: str) -> bytes:
        payload = value[24:]
        check(value[:4] == kind.encode(), f"{value[:4]!r} is not {kind}")
        check(struct.unpack("<I", value[4:8])[0] == len(payload), "the length of a value")
        check(value[8:24] == digest(key + payload), "the digest of a value")
        return payload

    def payload(self, key: bytes, kind: str) -> bytes:
        return self.open_envelope(key, self.records[key], kind)

    def keys(self, letter: str, size: int) -> List[bytes]:
        return sorted(k for k in self.records if k[:1] == letter.encode() and len(k) == size)

    # ---- catalog ----

    def _commits(self) -> Dict[int, Commit]:
        out: Dict[int, Commit] = {}
        before = ZEROS
        for key in self.keys("C", 9):
            payload = self.payload(key, "CMMT")
            b = Bytes(payload)
            head = [b.u64(), b.u64(), b.i64(), b.u64(), b.u32()]
            n = b.u32()
            check(b.take(16) == before, "the chain of commits")
            more = b.take(16)
            before = digest(payload)
            pieces = [self.payload(k, "CMMT") for k in self.keys("c", 13) if k[1:9] == key[1:9]]
            check(more == (digest(b"".join(pieces)) if pieces else ZEROS), "the further tables of a commit")
            tables: Dict[int, Dict[str, Any]] = {}
            for part in [b.rest(), *pieces]:
                t = Bytes(part)
                while t.at < len(part):
                    number, operation, revision, _ = t.u32(), t.u32(), t.u32(), t.u32()
                    tables[number] = {"operation": operation, "revision": revision, "added": t.i64(), "removed": t.i64(), "rows": t.i64(), "content": t.be(16), "manifest": t.take(16)}
            check(len(tables) == n and head[0] == int.from_bytes(key[1:], "big") == len(out) + 1, "a commit")
            out[head[0]] = Commit(*head, tables)  # type: ignore[arg-type]
        return out

    def _schemas(self) -> Dict[Tuple[str, int], Dict[str, Any]]:
        """Of every table, at every revision."""
        out: Dict[Tuple[str, int], Dict[str, Any]] = {}
        sections: Dict[Tuple[int, int], bytes] = {}
        for key in self.keys("D", 13):
            b = Bytes(self.payload(key, "DEFN"))
            b.u32()
            place = (int.from_bytes(key[1:9], "big"), key[9])
            sections[place] = sections.get(place, b"") + b.rest()
        for (sequence, section), head in sorted(sections.items()):
            if section != 0:
                continue
            b = Bytes(head)
            kind, action = b.u32(), b.u32()
            if kind != 1 or action != 1:
                continue
            form = msgpack.unpackb(sections[(sequence, 2)], raw=False, strict_map_key=False)
            names = ["form", "table", "name", "fields", "key", "time", "delay", "unique", "dimension", "ttl", "retention", "partition", "revision", "retired"]
            schema = dict(zip(names, form))
            fields = ["id", "name", "type", "not_null", "default_sql", "default", "check", "stored", "absent"]
            schema["fields"] = [dict(zip(fields, f)) for f in schema["fields"]]
            out[(schema["name"], schema["revision"])] = schema
        return out

    def table(self, name: str) -> Dict[str, Any]:
        return max((s for (n, _), s in self.schemas.items() if n == name), key=lambda s: (s["table"], s["revision"]))

    def names(self, kind: int) -> Dict[str, int]:
        """Tags are of kind 1, branches of kind 2."""
        out = {}
        for key in self.keys("T", 17):
            b = Bytes(self.payload(key, "REFS"))
            number, of = b.be(8), b.u8()
            name = b.rest()
            if of == kind and name:
                out[name.decode()] = number
        return out

    def line(self, version: int) -> Iterator[Tuple[int, int]]:
        """Branches with the last version on each that a version is made of."""
        branch = self.commits[version].branch if version else 0
        while version:
            yield branch, version
            if branch == 0:
                return
            version = Bytes(self.payload(b"B" + branch.to_bytes(4, "big"), "BRAN")).be(8)
            branch = self.commits[version].branch if version else 0

    def root(self, table: int, version: int) -> Optional[bytes]:
        for branch, upto in self.line(version):
            prefix = b"M" + table.to_bytes(4, "big") + branch.to_bytes(4, "big")
            found = [k for k in self.keys("M", 17) if k.startswith(prefix) and int.from_bytes(k[9:], "big") <= upto]
            if found:
                return self.payload(found[-1], "MFST")
        return None

    # ---- objects ----

    def object(self, key: bytes) -> bytes:
        value = bytes(self._read.get(key))
        if value[:4] == b"DATA":
            return self.open_envelope(key, value, "DATA")
        b = Bytes(self.open_envelope(key, value, "CLTS"))
        size = b.u64()
        b.u32()
        data = b"".join(self.object(b.take(16)) for _ in range(b.u32()))
        check(len(data) == size, "the size of an object")
        return data

    def manifest(self, table: int, version: int) -> Manifest:
        key = self.root(table, version)
        if key is None:
            return Manifest()
        b = Bytes(self.object(key))
        check(b.u8() == 1, "the version of a root")
        levels, _, of = b.u8(), b.u16(), b.u32()
        segments = b.u64()
        m = Manifest(b.i64(), b.be(16), b.u64())
        top = b.take(16)
        m.runs = [(b.take(16), b.u64()) for _ in range(b.u32())]
        b.end()
        check(of == table, "the table of a root")
        if segments:
            m.segments = list(self._node(top, levels - 1))
        check(len(m.segments) == segments and [s.id for s in m.segments] == sorted({s.id for s in m.segments}), "segments")
        check(sum(s.rows - len(s.deleted) for s in m.segments) == m.rows, "rows of a manifest")
        return m

    def _node(self, key: bytes, level: int) -> Iterator[Segment]:
        b = Bytes(self.object(key))
        check((b.u8(), b.u8(), b.u16()) == (3, level, 0), "a node")
        for _ in range(b.u32()):
            if level:
                yield from self._node(b.take(16), level - 1)
                continue
            number, version, rows, deleted = b.u64(), b.u64(), b.u32(), b.u32()
            vector, flags, partition = b.take(16), b.u32(), b.i32()
            blocks = {b.u32(): b.take(16) for _ in range(b.u32())}
            gone = self._deleted(vector) if vector != ZEROS else []
            check(len(gone) == deleted and flags < 8, "a segment")
            yield Segment(number, version, rows, gone, flags, partition, blocks)
        b.end()

    def _deleted(self, key: bytes) -> List[int]:
        b = Bytes(self.object(key))
        form, rows, n = b.u8(), b.u32(), b.u32()
        if form == 2:
            return [b.u16() for _ in range(n)]
        bits = b.take((rows + 7) // 8)
        return [i for i in range(rows) if bits[i // 8] >> (i % 8) & 1]

    def block(self, key: bytes) -> Block:
        b = Bytes(self.object(key))
        version, base, form, _ = b.u8(), b.u8(), b.u8(), b.u8()
        rows, nulls, n_pages, at, n_entries, n_dictionary = (b.u32() for _ in range(6))
        other = b.take(16)
        check(version == 3, "the version of a block")
        name = BASES[base]
        bounds = self._statistics(b, name, n_pages)
        directory = Bytes(b.data)
        directory.at = at
        pages = [[directory.u32(), directory.u32(), directory.u8(), directory.u8(), directory.u16(), directory.u64(), directory.u64(), directory.u64()] for _ in range(n_pages + n_dictionary)]
        start = directory.at
        entries: List[Any] = []
        for page in pages[n_pages:]:
            entries += self._page(b.data, start, page, name)[0]
        check(len(entries) == n_entries, "the entries of a dictionary")
        block = Block(name, form, rows, nulls, [], bounds=bounds)
        source = self.block(other) if form == 2 else None
        for i, page in enumerate(pages[:n_pages]):
            decoded, codes = self._page(b.data, start, page, name, entries, source.codes[i] if source else None)
            block.pages.append(decoded)
            block.codes.append(codes)
        check(len(block.all) == rows and sum(v is None for v in block.all) == nulls, "the rows of a block")
        return block

    @staticmethod
    def _statistics(b: Bytes, base: str, n_pages: int) -> Optional[Tuple[Any, Any]]:
        flags = b.u8()
        if not flags & 1:
            return None
        if base in ("TEXT", "BLOB"):
            return b.take(b.u32()), b.take(b.u32())
        bounds: Tuple[Any, Any] = (double(b.u64()), double(b.u64())) if base in DOUBLES else (b.i64(), b.i64())
        return bounds

    def _page(self, data: bytes, start: int, page: List[int], base: str, entries: Optional[List[Any]] = None, codes: Optional[List[int]] = None) -> Tuple[List[Any], List[int]]:
        rows, nulls, encoding, codec, _, stored, expanded, offset = page
        body = data[start + offset : start + offset + stored]
        if codec == 1:
            body = zstandard.ZstdDecompressor().decompress(body)
        check(len(body) == expanded, "the size of a page")
        if nulls == rows:
            return [None] * rows, [0] * rows
        b = Bytes(body)
        there = b.take((rows + 7) // 8) if nulls else b"\xff" * ((rows + 7) // 8)
        made: List[int] = [0] * rows
        if encoding == 8:
            assert entries is not None
            made = values(b, rows, b.u8(), "BIGINT")
            decoded = [entries[code] for code in made]
        elif encoding == 9:
            assert entries is not None and codes is not None
            decoded = [entries[code] for code in codes]
            n = b.u16()
            if n:
                places = packed(b, n)
                for place, value in zip(places, values(b, n, b.u8(), base)):
                    decoded[place] = value
        else:
            decoded = values(b, rows, encoding, base)
        b.end()
        out = [v if there[i // 8] >> (i % 8) & 1 else None for i, v in enumerate(decoded)]
        check(sum(v is None for v in out) == nulls, "the NULLs of a page")
        return out, made

    # ---- rows ----

    def rows(self, name: str, version: int, schema: Optional[Dict[str, Any]] = None) -> List[Dict[str, Any]]:
        """The live rows with the columns of the newest revision, or of another."""
        schema = schema or self.table(name)
        out = []
        for segment in self.manifest(schema["table"], version).segments:
            columns = {f["name"]: self.column(segment, f, schema) for f in schema["fields"]}
            gone = set(segment.deleted)
            out += [{n: c[i] for n, c in columns.items()} for i in range(segment.rows) if i not in gone]
        return out

    def column(self, segment: Segment, f: Dict[str, Any], schema: Dict[str, Any]) -> List[Any]:
        numbers = [f["stored"] or f["id"]] + [number for number, _, of in schema["retired"] if of == f["id"]]
        for number in numbers:
            if number in segment.blocks:
                return self.block(segment.blocks[number]).all
        absent = f["absent"]
        if absent is None:
            return [None] * segment.rows
        base, data = BASES[absent[0] & 0xFF], absent[1]
        value: Any = data
        if base in INTEGERS:
            value = int.from_bytes(data, "little", signed=not base.startswith("U"))
        elif base in DOUBLES:
            value = struct.unpack("<d" if base == "DOUBLE" else "<f", data)[0]
        return [value] * segment.rows

    def content(self, table: int, version: int) -> int:
        """The content digest of a table, from its rows: all blocks that a segment has count, whatever they are called today."""
        types = {}
        for schema in self.schemas.values():
            if schema["table"] == table:
                types.update({f["stored"] or f["id"]: f["type"] for f in schema["fields"]})
                types.update({number: type for number, type, _ in schema["retired"]})
        total = 0
        for segment in self.manifest(table, version).segments:
            columns = [(n, types[n], self.block(key).all) for n, key in sorted(segment.blocks.items())]
            gone = set(segment.deleted)
            for i in range(segment.rows):
                if i not in gone:
                    data = b"".join(cell(n, type, c[i]) for n, type, c in columns if c[i] is not None)
                    total += int.from_bytes(digest(data), "big")
        return total & M128

    def run(self, key: bytes) -> List[Tuple[int, int, int]]:
        """(hash, segment, row) of a run of the unique index."""
        b = Bytes(self.object(key))
        check((b.u8(), b.take(3)) == (1, b"\0\0\0"), "a run")
        pages, entries = b.u32(), b.u64()
        body = self.object(b.take(16))
        out: List[Tuple[int, int, int]] = []
        for _ in range(pages):
            hash, n, size, offset, sum = b.u64(), b.u32(), b.u32(), b.u64(), b.u64()
            page = Bytes(body[offset : offset + size])
            check(hash64(page.data) == sum, "the checksum of a page of the index")
            h, s, least = page.u8(), page.u8(), page.u64()
            hashes = []
            for _ in range(n):
                hash += page._int(h)
                hashes.append(hash)
            segments = [least + page._int(s) for _ in range(n)]
            out += zip(hashes, segments, [page.u16() for _ in range(n)])
            page.end()
        b.end()
        check(len(out) == entries and out == sorted(out), "the entries of a run")
        return out


def cell(number: int, type: int, value: Any) -> bytes:
    """A value in the digest of its row."""
    base = BASES[type & 0xFF]
    head = struct.pack("<I", number)
    if base in DOUBLES:
        bits = 0x7FF8000000000000 if value != value else struct.unpack("<Q", struct.pack("<d", value))[0]
        return head + bytes([CLASS_DOUBLE]) + struct.pack("<Q", bits)
    if base == "INTERVAL":
        return head + bytes([CLASS_INTERVAL]) + bytes(value)
    if base == "UBIGINT" or base == "DECIMAL":
        whole, scale = (value & M64, 0) if base == "UBIGINT" else (int.from_bytes(value, "little", signed=True), type >> 32 & 0xFF)
        while scale and whole % 10 == 0:
            whole, scale = whole // 10, scale - 1
        if scale == 0 and -(2**63) <= whole < 2**63:
            return head + bytes([CLASS_INTEGER]) + struct.pack("<q", whole)
        return head + bytes([CLASS_NUMBER, scale]) + whole.to_bytes(16, "little", signed=True)
    if base in INTEGERS:
        return head + bytes([CLASS_INTEGER]) + struct.pack("<q", value)
    return head + bytes([CLASS_BYTES]) + struct.pack("<Q", len(value)) + bytes(value)
