"""Tables on standard output."""

from __future__ import annotations

import sys

from audiotok_jax.jobs import printable


def show_table(rows: list[tuple[str, ...]]) -> None:
    """Prints a table, the first row being its head; what would break a line shows as its escape."""
    rows = [tuple(map(printable, row)) for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(*rows[0])
        for column in table.columns[1:]:
            column.justify = "right"
        for row in rows[1:]:
            table.add_row(*row)
        Console(markup=False, emoji=False).print(table)
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        print(name.ljust(widths[0]), *numbers, sep="  ")
