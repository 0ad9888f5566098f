"""The Linux sandbox."""
