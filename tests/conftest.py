"""What all tests share: one thread, no window, and no collection but the shipped one unless a test asks."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
