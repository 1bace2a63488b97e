"""Settings every test shares: TensorFlow without its start-up noise, no network, signals as on a terminal."""

import signal

# A shell that starts the tests in the background has them ignore SIGINT, nohup has them ignore SIGHUP, and
# the trainings here with them.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):  # Windows has none
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_configure(config):
    """TensorFlow, where tests run: the process that only hands them out does without."""
    worker = hasattr(config, "workerinput")
    if worker or not config.getoption("numprocesses", 0):
        import gan_common.quiet  # noqa: F401
    if worker:
        # Workers are as many as cores: more threads in each would only wait for one another.  The trainings
        # that tests start as processes keep TensorFlow's own number, as a person's do.
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def pytest_collection_modifyitems(items):
    """Files with whole trainings first: one that is begun last leaves the other core without work."""
    long = {item.path for item in items if item.get_closest_marker("integration")}
    items.sort(key=lambda item: item.path not in long)
