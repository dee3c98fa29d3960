#!/bin/sh
# The Python tests with all frozen cases and a thousand runs (tests/python/test_python.sh has the short ones).
TESTS_ALL=1 exec sh tests/python/test_python.sh
