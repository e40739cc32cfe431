"""Studies without processes of their own: starting one takes longer than what a test trains."""

from concurrent.futures import Future

import pytest

from benchmarks.learned import studies


class Here:
    """An executor that does each job at once, in this process."""

    def __init__(self, *arguments):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def submit(self, function, *arguments):
        done = Future()
        try:
            done.set_result(function(*arguments))
        except Exception as error:
            done.set_exception(error)
        return done

    def shutdown(self, **how):
        pass


@pytest.fixture
def here(monkeypatch):
    """Everything that `studies.run` trains is trained in this process."""
    monkeypatch.setattr(studies, "ProcessPoolExecutor", Here)
