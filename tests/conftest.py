"""Settings every test shares: TensorFlow without its start-up noise, no network, signals as on a terminal."""

import signal

# A shell that starts the tests in the background has them ignore SIGINT, nohup has them ignore SIGHUP, and
# the trainings here with them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_configure(config):
    """TensorFlow, where tests run: the process that only hands them out does without."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", 0):
        import gan_common.quiet  # noqa: F401


def pytest_collection_modifyitems(items):
    """Files with slow tests first: one that is begun last leaves the other core without work."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
