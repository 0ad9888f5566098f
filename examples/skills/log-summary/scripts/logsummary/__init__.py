"""The parts of `summarize.py`: tell formats apart, read fields, count, and render tables."""
