"""What can go wrong while the embedded stack starts or runs."""


class StackError(Exception):
    """The embedded stack cannot start or go on; the message says why, and what to do about it."""


class ProgramMissingError(StackError):
    """A program that the stack runs is not installed."""


class PortTakenError(StackError):
    """A port that the stack needs is in use, or was asked for twice."""


class StateInUseError(StackError):
    """Another stack runs on the same state folder."""


class StartError(StackError):
    """A process ended, or stayed silent for too long, before it was ready."""


class ProcessDiedError(StackError):
    """A process ended although nobody had asked it to."""
