"""What `pytest benchmarks` leaves out unless it is named: how fast the engines are, and how true the yardstick is.

Both take minutes.
"""

collect_ignore = ["test_engines.py", "test_calibration.py", "engines", "peers"]
