"""What `pytest benchmarks` leaves out unless it is named: how fast the engines are takes minutes to measure."""

collect_ignore = ["test_engines.py", "engines", "peers"]
