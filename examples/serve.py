"""A serving process: opens a reader once, then answers one request a line on stdin with one vector a line on stdout.

A request is `customer_id <tab> stock_code <tab> now in microseconds`; the answer is the version that it was read from and the values
as exact bits, so that another process can compare them with anything.
"""

import struct
import sys

import libfeat


def bits(value):
    """A value so that equal text means equal bits."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    return repr(value)


def main():
    store, service = sys.argv[1], sys.argv[2]
    with libfeat.open(store, mode="r") as opened:
        reader = opened.reader(service)
    print("ready", flush=True)
    for line in sys.stdin:
        customer, product, now = line.rstrip("\n").split("\t")
        vector = reader.get(customer_id=int(customer), stock_code=product, now=int(now))
        values = [f"{bits(value)}:{status}" for value, status in zip(vector.values(), vector.status.values())]
        print(vector.position.version, *values, sep="\t", flush=True)


if __name__ == "__main__":
    main()
