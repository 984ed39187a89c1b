"""What several test modules use; the fixtures that all of them have are in ``conftest.py``."""
