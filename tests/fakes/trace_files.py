"""Reading traces in tests: a few records, ways to write them, and all that reading gives."""

import json

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import zstandard

from reasonbench.corpus.blocks import PADDING
from reasonbench.corpus.sources import Options, by_document, expand, first_rows

RECORDS = [{"q": f"question {i}", "t": f"trace é {i}\n" * (i % 7 + 1), "n": i} for i in range(600)]
PLAIN = "".join(json.dumps(r) + "\n" for r in RECORDS).encode()
TABLE = pa.Table.from_pylist(RECORDS)
CHAT = {
    "id": "x",
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "a", "reasoning_content": "r"},
    ],
    "conversations": [{"from": "human", "value": "h"}, {"from": "gpt", "value": "g"}],
    "problem": "p",
    "Solution": "S",
    "meta": {"prompt": {"deep": "d"}, "source": "o"},
}


def zst(data):
    return zstandard.compress(data)


def parquet(path, table=TABLE, **options):
    pq.write_table(table, path, **options)


def arrow_stream(path, table=TABLE):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)


def arrow_file(path, table=TABLE):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)


def written(path, data):
    path.write_bytes(data)
    return str(path)


def read(shards, **options):
    """Return (row in its file, record) of everything, and the account of each file."""
    parts, rows = [], []
    for shard in shards:
        reading = shard.blocks(Options(**options))
        mine = []
        for block in reading:
            last = max(block.ends.max(initial=0), block.skips.ends.max(initial=0))
            assert len(block.data) >= last + PADDING
            # Blank lines are in no list; a range begins with the end of another's line.
            assert not last or not block.data[last:].tobytes().strip(b" \t\r\n\0")
            assert not block.data[-PADDING:].any()
            mine += [(int(block.rows[i]), block.record(i)) for i in range(len(block))]
        rows.append(mine)
        parts.append((shard.document, reading.account))
    for (_, account), _shard in zip(parts, shards, strict=True):
        skipped = sum(account.rows_skipped.values())
        assert account.lines == account.blank + account.rows_read + skipped
    whole = [
        (first + row, record)
        for first, mine in zip(first_rows(parts), rows, strict=True)
        for row, record in mine
    ]
    return whole, by_document(parts)


def account_of(path, **options):
    (account,) = read(expand([str(path)]), **options)[1].values()
    return account
