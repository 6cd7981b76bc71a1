"""Errors of running the system on this machine."""

from needledrop.errors import ErrorCode, NeedledropError


class LocalError(NeedledropError):
    """Something on this machine is in the way; `detail` says what, for the person at the terminal."""

    def __init__(self, detail: str) -> None:
        super().__init__(ErrorCode.INTERNAL, detail)


class ProcessDiedError(LocalError):
    """A process ended that should run. `detail` holds its status and the end of its log."""

    def __init__(self, name: str, status: str, tail: str) -> None:
        super().__init__(f"{name} {status}\n{tail}")
        self.name = name
