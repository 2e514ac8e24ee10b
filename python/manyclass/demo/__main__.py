"""Entry point of ``python -m manyclass.demo``."""

from __future__ import annotations

from manyclass.demo.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
