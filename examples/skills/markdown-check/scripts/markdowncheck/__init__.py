"""The parts of `check.py`: read pages into blocks, find headings and links, judge them."""
