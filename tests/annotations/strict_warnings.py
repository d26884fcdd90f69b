"""Every warning as an error, for tests that may leave no connection and no file open."""

import pytest

# A test of another file may leave an event loop, which holds a pair of unnamed sockets; it is collected in
# any test's time, and the one that runs then does not answer for it.
WARNINGS_ARE_ERRORS = pytest.mark.filterwarnings(
    "error",
    "ignore:unclosed event loop:ResourceWarning",
    r"ignore:unclosed <socket\.socket fd=\d+, family=1, type=1, proto=0>:ResourceWarning",
)
