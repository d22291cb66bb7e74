"""Printable sheets of tags: one bar code a key, 24 on a page of A4."""

from collections.abc import Sequence

import typst
from barcode.codex import Code128

# Sizes in millimetres; hand-held scanners read bars of a quarter of a millimetre well.
_PAGE = """#set page(paper: "a4", margin: (x: 8mm, y: 12mm))
#set text(size: 8pt)
#let bar(x, width) = place(dx: x, rect(width: width, height: 15mm, fill: black, stroke: none))
#let tag(serial, modules) = box(
  width: 62mm, height: 32mm, inset: 2mm, stroke: 0.1mm + luma(80%),
  align(center + horizon)[
    #box(width: 58mm, height: 15mm, {
      let unit = calc.min(0.25mm, 58mm / modules.len())
      let edge = (58mm - unit * modules.len()) / 2
      for (place, module) in modules.clusters().enumerate() {
        if module == "1" { bar(edge + unit * place, unit) }
      }
    })
    #v(1mm)
    #serial
  ],
)
#grid(columns: 3, gutter: 1mm,
"""


def tag_sheet(serials: Sequence[str]) -> bytes:
    """A PDF with a Code 128 bar code and the serial in letters for each key."""
    # Serials are A-Z, 0-9 and -, which have no meaning in Typst.
    tags = "".join(f'  tag("{serial}", "{modules(serial)}"),\n' for serial in serials)
    pdf: bytes = typst.compile(f"{_PAGE}{tags})\n".encode())
    return pdf


def modules(serial: str) -> str:
    """The bar code, module by module: 1 is black."""
    (line,) = Code128(serial).build()
    return str(line)
