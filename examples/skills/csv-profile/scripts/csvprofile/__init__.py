"""The parts of `profile.py`: read a table, study its columns, draw charts, write a report."""
